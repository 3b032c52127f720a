/* file.c: reading and writing whole files. */
#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_stream(FILE *stream, const char *path, size_t limit, size_t *length,
                         mote_error *error) {
    char *text = NULL;
    size_t used = 0, capacity = 0;
    for (;;) {
        if (used + 1 >= capacity) {
            capacity = capacity ? 2 * capacity : 4096;
            char *grown = realloc(text, capacity);
            if (!grown) {
                mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
                break;
            }
            text = grown;
        }
        size_t got = fread(text + used, 1, capacity - used - 1, stream);
        used += got;
        if (used > limit) {
            mote_fail(error, MOTE_DATA, "%s: larger than the %zu bytes that make sense here", path,
                      limit);
            break;
        }
        if (got == 0) {
            if (ferror(stream)) {
                mote_fail(error, MOTE_FILE, "%s: cannot be read: %s", path, strerror(errno));
                break;
            }
            text[used] = '\0';
            *length = used;
            return text;
        }
    }
    free(text);
    return NULL;
}

char *mote_file_read(const char *path, size_t limit, size_t *length, mote_error *error) {
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", path, strerror(errno));
        return NULL;
    }
    char *text = read_stream(stream, path, limit, length, error);
    fclose(stream);
    return text;
}

char *mote_path_join(const char *directory, const char *path) {
    size_t length = path[0] == '/' ? 0 : strlen(directory);
    char *joined = malloc(length + strlen(path) + 2);
    if (!joined) {
        return NULL;
    }
    memcpy(joined, directory, length);
    if (length && joined[length - 1] != '/') {
        joined[length++] = '/';
    }
    strcpy(joined + length, path);
    return joined;
}

char *mote_path_directory(const char *path) {
    const char *slash = strrchr(path, '/');
    size_t length = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
    char *directory = malloc(length + 1);
    if (directory) {
        memcpy(directory, path, length);
        directory[length] = '\0';
    }
    return directory;
}

/* ---- leftovers ---- */

/* Whether `file` is a temporary name, "model.safetensors.17.part", of the file `name` or, if NULL,
 * of any. */
static bool is_temporary(const char *file, const char *name) {
    static const char suffix[] = ".part";
    size_t length = strlen(file), end = sizeof suffix - 1;
    if (length <= end || strcmp(file + length - end, suffix) != 0) {
        return false;
    }
    size_t digits_end = length - end, begin = digits_end;
    while (begin > 0 && file[begin - 1] >= '0' && file[begin - 1] <= '9') {
        begin--;
    }
    if (begin == digits_end || begin < 2 || file[begin - 1] != '.') {
        return false;
    }
    return !name || (strlen(name) == begin - 1 && strncmp(file, name, begin - 1) == 0);
}

/* Whether a name in a directory is still that of the open file. */
static bool is_name_of(int directory, const char *file, int descriptor) {
    struct stat ours, there;
    return fstat(descriptor, &ours) == 0 &&
           fstatat(directory, file, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

/* A writer's lock is released when its process ends, or once it has renamed the file: then another
 * writer may have taken the name. */
static void remove_if_unlocked(int directory, const char *file) {
    int descriptor = openat(directory, file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor >= 0) {
        if (flock(descriptor, LOCK_EX | LOCK_NB) == 0 && is_name_of(directory, file, descriptor)) {
            (void)unlinkat(directory, file, 0);
        }
        close(descriptor);
    }
}

void mote_file_remove_leftovers(const char *directory, const char *name) {
    DIR *stream = opendir(directory[0] ? directory : ".");
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        if (is_temporary(entry->d_name, name)) {
            remove_if_unlocked(dirfd(stream), entry->d_name);
        }
    }
    if (stream) {
        closedir(stream);
    }
}

/* Removes only that file's leftovers, which may be large. */
static void remove_leftovers_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *directory = mote_path_directory(path);
    if (directory) {
        mote_file_remove_leftovers(directory, slash ? slash + 1 : path);
    }
    free(directory);
}

/* ---- writing ---- */

enum {
    MOST_WRITERS = 100 /* of the same file at the same time */
};

static void release(mote_file_writer *writer) {
    free(writer->path);
    free(writer->temporary_path);
    *writer = (mote_file_writer){0};
}

/* Creates a file that nobody else has, locked so that it is not taken for a leftover; -1 with errno
 * on failure, EEXIST if somebody else has it or removed it before it was locked. If the file system
 * has no locks, nobody removes it. */
static int create_locked(const char *path) {
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 && flock(descriptor, LOCK_EX) == 0 &&
        !is_name_of(AT_FDCWD, path, descriptor)) {
        close(descriptor);
        descriptor = -1;
        errno = EEXIST;
    }
    return descriptor;
}

static FILE *create_temporary(mote_file_writer *writer, size_t capacity) {
    int descriptor = -1;
    errno = EEXIST;
    for (long i = 0; descriptor < 0 && errno == EEXIST && i < MOST_WRITERS; i++) {
        snprintf(writer->temporary_path, capacity, "%s.%ld.part", writer->path, (long)getpid() + i);
        descriptor = create_locked(writer->temporary_path);
    }
    FILE *stream =
        descriptor < 0 ? NULL : fdopen(descriptor, "wb+"); /* + to map what was written */
    if (descriptor >= 0 && !stream) {
        int reason = errno;
        close(descriptor);
        unlink(writer->temporary_path);
        errno = reason;
    }
    return stream;
}

/* A rename would replace a pipe or device, such as /dev/null, for the whole system. */
static bool is_special(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode);
}

mote_status mote_file_open(mote_file_writer *writer, const char *path, mote_error *error) {
    if (is_special(path)) {
        *writer = (mote_file_writer){0};
        return mote_fail(error, MOTE_FILE, "%s: cannot be written: not a regular file", path);
    }
    size_t capacity = strlen(path) + 32;
    *writer = (mote_file_writer){.path = strdup(path), .temporary_path = malloc(capacity)};
    if (!writer->path || !writer->temporary_path) {
        release(writer);
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    }
    remove_leftovers_of(path);
    writer->stream = create_temporary(writer, capacity);
    if (!writer->stream) {
        mote_status status =
            mote_fail(error, MOTE_FILE, "%s: cannot be written: %s", path, strerror(errno));
        release(writer);
        return status;
    }
    return MOTE_OK;
}

/* Makes a rename survive a power failure. Some file systems refuse; the file itself is safe. */
static void sync_directory(const char *path) {
    char *directory = mote_path_directory(path);
    int descriptor = directory ? open(directory[0] ? directory : ".", O_RDONLY) : -1;
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
    free(directory);
}

void mote_file_put(mote_file_writer *writer, const void *data, size_t bytes) {
    if (!writer->reason && fwrite(data, 1, bytes, writer->stream) != bytes) {
        writer->reason = errno;
    }
}

mote_status mote_file_commit(mote_file_writer *writer, mote_error *error) {
    errno = writer->reason;
    bool good = !ferror(writer->stream) && fflush(writer->stream) == 0 &&
                fsync(fileno(writer->stream)) == 0;
    good = good && rename(writer->temporary_path, writer->path) == 0; /* still locked */
    int reason = errno;
    fclose(writer->stream);
    writer->stream = NULL;
    if (!good) {
        mote_fail(error, MOTE_FILE, "%s: cannot be written: %s", writer->path,
                  reason ? strerror(reason) : "an earlier write failed");
        mote_file_abandon(writer);
        return MOTE_FILE;
    }
    sync_directory(writer->path);
    release(writer);
    return MOTE_OK;
}

void mote_file_abandon(mote_file_writer *writer) {
    if (writer->stream) {
        fclose(writer->stream);
    }
    if (writer->temporary_path) {
        unlink(writer->temporary_path);
    }
    release(writer);
}

mote_status mote_file_write_text(const char *path, const char *text, mote_error *error) {
    mote_file_writer writer;
    mote_status status = mote_file_open(&writer, path, error);
    if (status == MOTE_OK) {
        mote_file_put(&writer, text, strlen(text));
        status = mote_file_commit(&writer, error);
    }
    return status;
}
