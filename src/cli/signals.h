/* signals.h: SIGINT (Ctrl-C), SIGTERM and SIGHUP ask a program to end in good order.
 */
#ifndef MOTE_CLI_SIGNALS_H
#define MOTE_CLI_SIGNALS_H

/* From now on the first SIGINT, SIGTERM or SIGHUP only asks for an end, which signals_seen tells,
 * and another SIGINT or SIGTERM ends the program at once. The first writes `text`, a string literal
 * or NULL for nothing, to stderr. Another SIGHUP does nothing: when a terminal is closed, both the
 * system and the shell send one. */
void signals_catch(const char *text);

/* From now on a closed pipe (SIGPIPE) and a file beyond the size limit (SIGXFSZ) make a write fail
 * and no longer end the program. */
void signals_outlive_output(void);

/* Signals end the program at once again. */
void signals_release(void);

/* Replaces the text of signals_catch. */
void signals_set_text(const char *text);

/* The signal that asked for an end; 0: none yet. */
int signals_seen(void);

/* The exit code of a program that ends because of that signal. */
int signals_exit_code(void);

#endif
