/* old_kernels.c: preloaded into a program (LD_PRELOAD), makes OpenBLAS choose its oldest kernels,
 * as it does by itself on processors that it does not know.
 *
 * Prints "old_kernels: <the kernels now in use>" to stderr. With MOTE_STUCK_KERNELS set, OpenBLAS
 * keeps them however often it is told to choose again. If OPENBLAS_CORETYPE is set, someone has
 * chosen, and nothing is done.
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

/* Calls OpenBLAS's own function of that name. ISO C cannot convert object to function pointers. */
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
