/* old_kernels.c: loaded in front of a program (LD_PRELOAD), makes OpenBLAS choose its oldest
 * kernels, as it does by itself on processors that it does not know.
 *
 * Says on stderr "old_kernels: <the kernels that run now>". With MOTE_STUCK_KERNELS set, OpenBLAS
 * keeps them however often it is told to choose again. Where OPENBLAS_CORETYPE is set, nothing is
 * done: someone has chosen.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

typedef void (*action)(void);
typedef char *(*naming)(void);

void gotoblas_dynamic_quit(void);
void gotoblas_dynamic_init(void);

static bool stuck;

/* OpenBLAS's own function of that name. ISO C has no conversion from object pointers. */
static void call(const char *name) {
    action function;
    *(void **)&function = dlsym(RTLD_NEXT, name);
    if (function) {
        function();
    }
}

void gotoblas_dynamic_quit(void) {
    if (!stuck) {
        call("gotoblas_dynamic_quit");
    }
}

void gotoblas_dynamic_init(void) {
    if (!stuck) {
        call("gotoblas_dynamic_init");
    }
}

__attribute__((constructor)) static void choose_old_kernels(void) {
    naming name;
    *(void **)&name = dlsym(RTLD_NEXT, "openblas_get_corename");
    if (!name || !dlsym(RTLD_NEXT, "gotoblas_dynamic_init") || getenv("OPENBLAS_CORETYPE")) {
        return;
    }
    setenv("OPENBLAS_CORETYPE", "Prescott", 1);
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    unsetenv("OPENBLAS_CORETYPE");
    stuck = getenv("MOTE_STUCK_KERNELS") != NULL;
    fprintf(stderr, "old_kernels: %s\n", name());
}
