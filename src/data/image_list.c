/* image_list.c: finds picture files and their classes. */
#include "data/image_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"
#include "data/image.h"
#include "data/text.h"

enum {
    MOST_LIST_BYTES = 1 << 30
};

static const char *const part_directories[] = {
    [MOTE_TRAINING] = "train", [MOTE_VALIDATION] = "validation", [MOTE_TEST] = "test"};

static mote_status fail_memory(mote_error *error) {
    return mote_fail(error, MOTE_MEMORY, "out of memory for a list of pictures");
}

/* Makes room for one more element of that size. */
static bool grow(void *list, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) {
        return true;
    }
    size_t wanted = *capacity ? 2 * *capacity : 64;
    void *grown = realloc(*(void **)list, wanted * size);
    if (grown) {
        *(void **)list = grown;
        *capacity = wanted;
    }
    return grown != NULL;
}

/* ---- classes ---- */

static bool is_number(const char *name) {
    return name[0] && strspn(name, "0123456789") == strlen(name);
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "9" before "10", and "1" distinct from "01". */
static int compare_numbers(const void *a, const void *b) {
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    x += strspn(x, "0");
    y += strspn(y, "0");
    size_t x_length = strlen(x), y_length = strlen(y);
    int order = x_length == y_length ? strcmp(x, y) : x_length < y_length ? -1 : 1;
    return order ? order : compare_texts(a, b);
}

typedef int comparison(const void *, const void *);

static comparison *order_of(char *const *names, size_t count) {
    bool numbers = true;
    for (size_t i = 0; i < count; i++) {
        numbers = numbers && is_number(names[i]);
    }
    return numbers ? compare_numbers : compare_texts;
}

/* The number of the class, or SIZE_MAX. */
static size_t find_class(const mote_image_list *list, comparison *order, const char *name) {
    char *const *found =
        bsearch(&name, list->class_names, list->class_count, sizeof *list->class_names, order);
    return found ? (size_t)(found - list->class_names) : SIZE_MAX;
}

static mote_status add_class(mote_image_list *list, const char *name, mote_error *error) {
    if (!grow(&list->class_names, list->class_count, &list->class_capacity,
              sizeof *list->class_names)) {
        return fail_memory(error);
    }
    char *copy = strdup(name);
    if (!copy) {
        return fail_memory(error);
    }
    list->class_names[list->class_count++] = copy;
    return MOTE_OK;
}

/* Class names must be UTF-8, as they are written to JSON. */
static bool is_utf8(const char *text) {
    return mote_text_is_utf8((mote_text){.start = text, .length = strlen(text)});
}

/* ---- one directory ---- */

typedef struct entry {
    char *name;
    bool known; /* whether `status` is valid */
    struct stat status;
} entry;

typedef struct entries {
    entry *list;
    size_t count, capacity;
} entries;

static void free_entries(entries *e) {
    for (size_t i = 0; i < e->count; i++) {
        free(e->list[i].name);
    }
    free(e->list);
    *e = (entries){0};
}

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

static bool is_directory(const entry *e) {
    return e->known && S_ISDIR(e->status.st_mode);
}

static mote_status add_entry(DIR *stream, const char *name, entries *e, mote_error *error) {
    if (!grow(&e->list, e->count, &e->capacity, sizeof *e->list)) {
        return fail_memory(error);
    }
    entry *new = &e->list[e->count];
    *new = (entry){.name = strdup(name)};
    if (!new->name) {
        return fail_memory(error);
    }
    new->known = fstatat(dirfd(stream), name, &new->status, 0) == 0;
    e->count++;
    return MOTE_OK;
}

/* Reads the entries of a directory, sorted by name, without the hidden ones. */
static mote_status read_directory(const char *path, entries *e, mote_error *error) {
    DIR *stream = opendir(path);
    if (!stream) {
        return mote_fail(error, MOTE_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    }
    mote_status status = MOTE_OK;
    while (status == MOTE_OK) {
        errno = 0;
        const struct dirent *next = readdir(stream);
        if (!next && errno) {
            status = mote_fail(error, MOTE_FILE, "%s: cannot be read: %s", path, strerror(errno));
        }
        if (!next) {
            break;
        }
        if (next->d_name[0] != '.') {
            status = add_entry(stream, next->d_name, e, error);
        }
    }
    closedir(stream);
    if (e->count) {
        qsort(e->list, e->count, sizeof *e->list, compare_entries);
    }
    return status;
}

/* ---- files ---- */

static int64_t modified_time(const struct stat *status) {
#if defined(__APPLE__)
    const struct timespec *time = &status->st_mtimespec;
#else
    const struct timespec *time = &status->st_mtim;
#endif
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

/* Takes ownership of the name, which is freed on failure. `status` is NULL if nothing is known. */
static mote_status add_file(mote_image_files *files, char *name, uint32_t label, uint32_t line,
                            const struct stat *status, mote_error *error) {
    if (!name || !grow(&files->files, files->count, &files->capacity, sizeof *files->files)) {
        free(name);
        return fail_memory(error);
    }
    files->files[files->count++] =
        (mote_image_file){.name = name,
                          .label = label,
                          .line = line,
                          .bytes = status ? (int64_t)status->st_size : -1,
                          .modified = status ? modified_time(status) : 0};
    return MOTE_OK;
}

static int compare_files(const void *a, const void *b) {
    return strcmp(((const mote_image_file *)a)->name, ((const mote_image_file *)b)->name);
}

/* ---- a directory per class ---- */

/* Unused entries: how many, and the first of them. */
typedef struct unused {
    size_t count;
    char *first;
} unused;

static void leave_out(unused *things, const char *root, const char *directory, const char *name) {
    if (things->count++ == 0) {
        char *within = mote_path_join(root, directory);
        things->first = within ? mote_path_join(within, name) : NULL;
        free(within);
    }
}

static void report(const unused *things, const mote_loading *loading, const char *root,
                   const char *text) {
    if (things->count > 0) {
        mote_load_notice(loading, "%s: %zu %s, such as %s", root, things->count, text,
                         things->first ? things->first : "?");
    }
}

typedef struct identity {
    dev_t device;
    ino_t inode;
} identity;

typedef struct walker {
    mote_image_list *list;
    const char *root; /* the data set's */
    const mote_loading *loading;
    mote_image_files *files;
    uint32_t label;
    identity *visited; /* directories of the class */
    size_t visited_count, visited_capacity;
    unused others, strays, repeats;
} walker;

static bool was_visited(const walker *w, const struct stat *status) {
    for (size_t i = 0; i < w->visited_count; i++) {
        if (w->visited[i].device == status->st_dev && w->visited[i].inode == status->st_ino) {
            return true;
        }
    }
    return false;
}

static mote_status walk(walker *w, const char *directory, mote_error *error);

static mote_status walk_below(walker *w, const char *directory, const entry *e, mote_error *error) {
    if (was_visited(w, &e->status)) {
        leave_out(&w->repeats, w->root, directory, e->name);
        return MOTE_OK;
    }
    if (!grow(&w->visited, w->visited_count, &w->visited_capacity, sizeof *w->visited)) {
        return fail_memory(error);
    }
    w->visited[w->visited_count++] =
        (identity){.device = e->status.st_dev, .inode = e->status.st_ino};
    char *below = mote_path_join(directory, e->name);
    mote_status status = below ? walk(w, below, error) : fail_memory(error);
    free(below);
    return status;
}

static mote_status take(walker *w, const char *directory, const entry *e, mote_error *error) {
    if (is_directory(e)) {
        return walk_below(w, directory, e, error);
    }
    bool may_be_file = !e->known || S_ISREG(e->status.st_mode);
    if (!may_be_file || !mote_image_has_suffix(e->name)) {
        leave_out(&w->others, w->root, directory, e->name);
        return MOTE_OK;
    }
    return add_file(w->files, mote_path_join(directory, e->name), w->label, 0,
                    e->known ? &e->status : NULL, error);
}

/* Adds all pictures of a class, at any depth. */
static mote_status walk(walker *w, const char *directory, mote_error *error) {
    if (!mote_load_progress(w->loading, "listing images", w->files->count, 0)) {
        return mote_load_stopped(error);
    }
    entries found = {0};
    char *path = mote_path_join(w->root, directory);
    mote_status status = path ? read_directory(path, &found, error) : fail_memory(error);
    for (size_t i = 0; i < found.count && status == MOTE_OK; i++) {
        status = take(w, directory, &found.list[i], error);
    }
    free_entries(&found);
    free(path);
    return status;
}

static mote_status walk_class(walker *w, const char *directory, const entry *e, size_t label,
                              mote_error *error) {
    size_t first = w->files->count, others = w->others.count;
    w->label = (uint32_t)label;
    w->visited_count = 0;
    mote_status status = walk_below(w, directory, e, error);
    if (status != MOTE_OK) {
        return status;
    }
    if (w->files->count == first) {
        size_t found = w->others.count - others;
        return mote_fail(error, MOTE_DATA, "%s/%s: this class directory holds no pictures (%s)%s",
                         w->files->source, e->name, MOTE_IMAGE_SUFFIXES,
                         found ? ", only files of other names" : "");
    }
    qsort(w->files->files + first, w->files->count - first, sizeof *w->files->files, compare_files);
    return MOTE_OK;
}

/* Makes a class of each directory among the entries. */
static mote_status find_classes(walker *w, const entries *found, const char *path,
                                mote_error *error) {
    mote_image_list *list = w->list;
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < found->count && status == MOTE_OK; i++) {
        const char *name = found->list[i].name;
        if (!is_directory(&found->list[i])) {
            continue;
        }
        if (!is_utf8(name)) {
            return mote_fail(error, MOTE_DATA, "%s/%s: the name of this class is not UTF-8", path,
                             name);
        }
        status = add_class(list, name, error);
    }
    if (status != MOTE_OK) {
        return status;
    }
    if (list->class_count == 0) {
        return mote_fail(error, MOTE_DATA,
                         "%s: holds no class directories; expected a directory of pictures for "
                         "each class, such as %s/cat",
                         path, path);
    }
    if (list->class_count == 1) {
        return mote_fail(error, MOTE_DATA,
                         "%s: holds only one class directory, %s; there must be at least two", path,
                         list->class_names[0]);
    }
    qsort(list->class_names, list->class_count, sizeof *list->class_names,
          order_of(list->class_names, list->class_count));
    return MOTE_OK;
}

static const entry *find_entry(const entries *found, const char *name) {
    entry wanted = {.name = (char *)(uintptr_t)name};
    return found->count
               ? bsearch(&wanted, found->list, found->count, sizeof *found->list, compare_entries)
               : NULL;
}

/* Checks that all classes are among those of the training part. */
static mote_status check_classes(const walker *w, const entries *found, mote_error *error) {
    const mote_image_list *list = w->list;
    comparison *order = order_of(list->class_names, list->class_count);
    for (size_t i = 0; i < found->count; i++) {
        const char *name = found->list[i].name;
        if (is_directory(&found->list[i]) && find_class(list, order, name) == SIZE_MAX) {
            return mote_fail(error, MOTE_DATA, "%s/%s: there is no such class in %s",
                             w->files->source, name, list->parts[MOTE_TRAINING].source);
        }
    }
    return MOTE_OK;
}

/* Lists the pictures of all classes, and counts what lies beside their directories. */
static mote_status walk_classes(walker *w, const char *directory, const entries *found,
                                mote_error *error) {
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < found->count; i++) {
        if (!is_directory(&found->list[i])) {
            leave_out(mote_image_has_suffix(found->list[i].name) ? &w->strays : &w->others, w->root,
                      directory, found->list[i].name);
        }
    }
    for (size_t c = 0; c < w->list->class_count && status == MOTE_OK; c++) {
        const entry *e = find_entry(found, w->list->class_names[c]);
        if (e && is_directory(e)) {
            status = walk_class(w, directory, e, c, error);
        }
    }
    return status;
}

/* Lists a part: the classes below root/directory, or below root if `directory` is "". */
static mote_status list_part(walker *w, mote_part_name part, const char *directory,
                             mote_error *error) {
    w->files = &w->list->parts[part];
    w->files->root = strdup(w->root);
    w->files->source = directory[0] ? mote_path_join(w->root, directory) : strdup(w->root);
    if (!w->files->root || !w->files->source) {
        return fail_memory(error);
    }
    entries found = {0};
    mote_status status = read_directory(w->files->source, &found, error);
    if (status == MOTE_OK) {
        status = part == MOTE_TRAINING ? find_classes(w, &found, w->files->source, error)
                                       : check_classes(w, &found, error);
    }
    if (status == MOTE_OK) {
        status = walk_classes(w, directory, &found, error);
    }
    free_entries(&found);
    if (status == MOTE_OK && w->files->count == 0) {
        return mote_fail(error, MOTE_DATA, "%s: holds no pictures in class directories",
                         w->files->source);
    }
    return status;
}

/* Whether train/ holds classes; it could be a class itself, of pictures of trains. */
static mote_status has_parts(const char *root, const entries *found, bool *parts,
                             mote_error *error) {
    const entry *train = find_entry(found, part_directories[MOTE_TRAINING]);
    *parts = false;
    if (!train || !is_directory(train)) {
        return MOTE_OK;
    }
    entries within = {0};
    char *path = mote_path_join(root, train->name);
    mote_status status = path ? read_directory(path, &within, error) : fail_memory(error);
    for (size_t i = 0; i < within.count; i++) {
        *parts = *parts || is_directory(&within.list[i]);
    }
    free_entries(&within);
    free(path);
    return status;
}

static mote_status list_parts(walker *w, const entries *found, mote_error *error) {
    mote_status status = list_part(w, MOTE_TRAINING, part_directories[MOTE_TRAINING], error);
    for (size_t i = 0; i < found->count && status == MOTE_OK; i++) {
        const char *name = found->list[i].name;
        if (!is_directory(&found->list[i]) || strcmp(name, part_directories[MOTE_TRAINING]) == 0) {
            continue;
        }
        if (strcmp(name, part_directories[MOTE_VALIDATION]) == 0) {
            status = list_part(w, MOTE_VALIDATION, name, error);
        } else if (strcmp(name, part_directories[MOTE_TEST]) == 0) {
            status = list_part(w, MOTE_TEST, name, error);
        } else {
            mote_load_notice(
                w->loading,
                "%s/%s is not used: besides train, only the directories validation and test are",
                w->root, name);
        }
    }
    return status;
}

mote_status mote_image_list_directory(mote_image_list *list, const char *directory,
                                      const mote_loading *loading, mote_error *error) {
    walker w = {.list = list, .root = directory, .loading = loading};
    entries found = {0};
    bool parts = false;
    mote_status status = read_directory(directory, &found, error);
    if (status == MOTE_OK) {
        status = has_parts(directory, &found, &parts, error);
    }
    if (status == MOTE_OK) {
        status = parts ? list_parts(&w, &found, error) : list_part(&w, MOTE_TRAINING, "", error);
    }
    free_entries(&found);
    if (status == MOTE_OK) {
        report(&w.others, loading, directory,
               "files are not used, as their names do not end like those of pictures");
        report(&w.strays, loading, directory,
               "pictures are not used, as they are not in a class directory");
        report(&w.repeats, loading, directory,
               "links to directories are not followed, as they lead to directories already read "
               "for that class");
    }
    free(w.visited);
    free(w.others.first);
    free(w.strays.first);
    free(w.repeats.first);
    return status;
}

/* ---- list files ---- */

/* One line of a list file. */
typedef struct list_line {
    char *path, *label;
    uint32_t number;
} list_line;

typedef struct list_file {
    const char *path;
    char *text; /* holds the texts of the lines */
    list_line *lines;
    size_t count, capacity;
} list_file;

static mote_status fail_line(const list_file *file, size_t number, const char *found,
                             mote_error *error) {
    return mote_fail(error, MOTE_DATA,
                     "%s:%zu: expected the path of a picture, a tab and its class, found %s",
                     file->path, number, found);
}

/* Splits a line at its last tab. */
static mote_status read_line(list_file *file, char *line, size_t number, mote_error *error) {
    size_t length = strlen(line);
    if (length && line[length - 1] == '\r') {
        line[--length] = '\0';
    }
    if (!length) {
        return MOTE_OK;
    }
    char *tab = strrchr(line, '\t');
    if (!tab || tab == line || !tab[1]) {
        return fail_line(file, number,
                         !tab          ? "no tab"
                         : tab == line ? "no path"
                                       : "no class",
                         error);
    }
    if (!is_utf8(tab + 1)) {
        return fail_line(file, number, "a class that is not UTF-8", error);
    }
    if (!grow(&file->lines, file->count, &file->capacity, sizeof *file->lines)) {
        return fail_memory(error);
    }
    *tab = '\0';
    file->lines[file->count++] =
        (list_line){.path = line, .label = tab + 1, .number = (uint32_t)number};
    return MOTE_OK;
}

static mote_status read_lines(list_file *file, size_t length, mote_error *error) {
    char *at = file->text, *end = file->text + length;
    at += strncmp(at, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* skip a byte order mark */
    mote_status status = MOTE_OK;
    for (size_t number = 1; at < end && status == MOTE_OK; number++) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end ? line_end : end;
        if (memchr(at, '\0', (size_t)(line_end - at))) {
            return fail_line(file, number, "a zero byte; this is not a text file", error);
        }
        *line_end = '\0';
        status = read_line(file, at, number, error);
        at = line_end + 1;
    }
    if (status == MOTE_OK && file->count == 0) {
        return mote_fail(error, MOTE_DATA, "%s: lists no pictures", file->path);
    }
    return status;
}

/* The distinct labels of the lines, sorted, become the classes. */
static mote_status collect_classes(mote_image_list *list, const list_file *file,
                                   mote_error *error) {
    char **labels = malloc(file->count * sizeof *labels);
    if (!labels) {
        return fail_memory(error);
    }
    for (size_t i = 0; i < file->count; i++) {
        labels[i] = file->lines[i].label;
    }
    qsort(labels, file->count, sizeof *labels, order_of(labels, file->count));
    mote_status status = MOTE_OK;
    for (size_t i = 0; i < file->count && status == MOTE_OK; i++) {
        if (i == 0 || strcmp(labels[i], labels[i - 1]) != 0) {
            status = add_class(list, labels[i], error);
        }
    }
    free(labels);
    if (status == MOTE_OK && list->class_count == 1) {
        return mote_fail(error, MOTE_DATA,
                         "%s: all pictures are of one class, %s; there must be at least two",
                         file->path, list->class_names[0]);
    }
    return status;
}

/* Adds the files that the lines name, without a status for what is not a regular file. */
static mote_status add_lines(mote_image_list *list, mote_image_files *files, const list_file *file,
                             mote_error *error) {
    comparison *order = order_of(list->class_names, list->class_count);
    for (size_t i = 0; i < file->count; i++) {
        const list_line *line = &file->lines[i];
        size_t label = find_class(list, order, line->label);
        if (label == SIZE_MAX) {
            return mote_fail(error, MOTE_DATA, "%s:%u: there is no class %s in %s", file->path,
                             line->number, line->label, list->parts[MOTE_TRAINING].source);
        }
        char *path = mote_path_join(files->root, line->path);
        struct stat found;
        bool known = path && stat(path, &found) == 0 && S_ISREG(found.st_mode);
        free(path);
        mote_status status = add_file(files, strdup(line->path), (uint32_t)label, line->number,
                                      known ? &found : NULL, error);
        if (status != MOTE_OK) {
            return status;
        }
    }
    return MOTE_OK;
}

static mote_status read_list(mote_image_list *list, mote_part_name part, const char *path,
                             mote_error *error) {
    mote_image_files *files = &list->parts[part];
    files->source = strdup(path);
    files->root = mote_path_directory(path);
    if (!files->source || !files->root) {
        return fail_memory(error);
    }
    size_t length;
    list_file file = {.path = path};
    file.text = mote_file_read(path, MOST_LIST_BYTES, &length, error);
    if (!file.text) {
        return error ? error->status : MOTE_FILE;
    }
    mote_status status = read_lines(&file, length, error);
    if (status == MOTE_OK && part == MOTE_TRAINING) {
        status = collect_classes(list, &file, error);
    }
    if (status == MOTE_OK) {
        status = add_lines(list, files, &file, error);
    }
    free(file.lines);
    free(file.text);
    return status;
}

mote_status mote_image_list_read(mote_image_list *list, const char *train, const char *test,
                                 mote_error *error) {
    mote_status status = read_list(list, MOTE_TRAINING, train, error);
    return status == MOTE_OK && test ? read_list(list, MOTE_TEST, test, error) : status;
}

/* ---- the end ---- */

void mote_image_list_free(mote_image_list *list) {
    for (size_t p = 0; p < MOTE_PART_COUNT; p++) {
        mote_image_files *files = &list->parts[p];
        for (size_t i = 0; i < files->count; i++) {
            free(files->files[i].name);
        }
        free(files->files);
        free(files->source);
        free(files->root);
    }
    for (size_t c = 0; c < list->class_count; c++) {
        free(list->class_names[c]);
    }
    free(list->class_names);
    *list = (mote_image_list){0};
}
