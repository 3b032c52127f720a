/* signals.h: Ctrl-C and its relatives ask a program to end in good order.
 */
#ifndef MOTE_CLI_SIGNALS_H
#define MOTE_CLI_SIGNALS_H

/* From now on the first SIGINT, SIGTERM or SIGHUP only asks for an end, and a further SIGINT or
 * SIGTERM ends the program at once. The first writes `text` to stderr, a literal, unless it is
 * NULL. A further SIGHUP does nothing: when a terminal is closed, both the system and the shell
 * send one. */
void signals_catch(const char *text);

/* From now on output that nobody reads, and a file that has become larger than it may, are failures
 * of writing and no longer end the program. */
void signals_outlive_output(void);

/* Signals end the program at once again. */
void signals_release(void);

/* Another text, for what is going on now. */
void signals_set_text(const char *text);

/* The signal that asked for an end; 0: none yet. */
int signals_seen(void);

/* The exit code of a program that ended because of it. */
int signals_exit_code(void);

#endif
