/* signals.c: SIGINT (Ctrl-C), SIGTERM and SIGHUP ask a program for an orderly exit. */
#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "cli/common.h"
#include "core/clock.h"

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};

/* The same signal again within this time does not count: timeout(1) sends it to the program and
 * then to the program's group, and Ctrl-C reaches both the program and what runs it, which may
 * forward it. No user asks twice so fast. */
enum {
    ECHO_MILLISECONDS = 200
};

static volatile sig_atomic_t seen;
static atomic_uint seen_at; /* in milliseconds, modulo 2^32 */
static const char *volatile said;

static unsigned milliseconds(void) {
    return (unsigned)(uint64_t)(1000 * mote_clock());
}

static bool is_echo(int number) {
    return number == seen && milliseconds() - seen_at < ECHO_MILLISECONDS;
}

static void on_signal(int number) {
    const char *text = said;
    if (seen) {
        if (number != SIGHUP && !is_echo(number)) {
            signal(number, SIG_DFL);
            raise(number); /* takes effect when this handler returns */
        }
        return;
    }
    seen_at = milliseconds();
    seen = number;
    int before = errno; /* the interrupted code may be about to read it */
    if (text && write(STDERR_FILENO, text, strlen(text)) < 0) {
        said = NULL; /* nobody can read it */
    }
    errno = before;
}

void signals_set_text(const char *text) {
    said = text;
}

void signals_catch(const char *text) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    signals_set_text(text);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction before;
        bool nohup = numbers[i] == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 &&
                     before.sa_handler == SIG_IGN;
        if (!nohup) {
            sigaction(numbers[i], &action, NULL);
        }
    }
}

void signals_outlive_output(void) {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

void signals_release(void) {
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction before;
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == on_signal) {
            signal(numbers[i], SIG_DFL);
        }
    }
}

int signals_seen(void) {
    return seen;
}

int signals_exit_code(void) {
    return seen == SIGTERM || seen == SIGHUP ? EXIT_TERMINATED : EXIT_INTERRUPTED;
}
