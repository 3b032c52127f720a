/* peak_memory.c: runs a command and records how much memory it took.
 *
 *   peak_memory FILE COMMAND...   writes its peak resident set size, in MB, to FILE
 *
 * The exit code is the command's.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: peak_memory FILE COMMAND...\n");
        return 2;
    }
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    int state;
    struct rusage usage;
    if (child < 0 || wait4(child, &state, 0, &usage) != child) {
        perror("peak_memory");
        return 127;
    }
    FILE *stream = fopen(argv[1], "w");
    if (!stream || fprintf(stream, "%ld\n", usage.ru_maxrss * 1024 / 1000000) < 0 ||
        fclose(stream) != 0) {
        perror(argv[1]);
        return 127;
    }
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}
