/* signals.h: SIGINT (Ctrl-C), SIGTERM and SIGHUP ask a program for an orderly exit.
 */
#ifndef MOTE_CLI_SIGNALS_H
#define MOTE_CLI_SIGNALS_H

/* From now on, the first SIGINT, SIGTERM or SIGHUP only requests an exit, which signals_seen
 * reports, and writes `text`, a string literal or NULL for nothing, to stderr. A further SIGINT or
 * SIGTERM ends the program at once. A further SIGHUP does nothing: when a terminal is closed, both
 * the system and the shell send one. Nor does the same signal within a fifth of a second, since
 * some programs send a signal twice, or forward one that has already arrived. */
void signals_catch(const char *text);

/* From now on, a write to a closed pipe (SIGPIPE) or past the file size limit (SIGXFSZ) fails
 * instead of ending the program. */
void signals_outlive_output(void);

/* Lets signals end the program at once again. */
void signals_release(void);

/* Replaces the text of signals_catch. */
void signals_set_text(const char *text);

/* The signal that requested an exit; 0: none yet. */
int signals_seen(void);

/* The exit code of a program that ends because of that signal. */
int signals_exit_code(void);

#endif
