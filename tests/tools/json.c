/* json.c: checks and reads JSON files for the shell script tests.
 *
 *   json lines FILE KEY...   each line is an object with exactly these keys; prints how many lines
 *   json get FILE KEY        the value of a key of the object in the file, on one line
 *
 * Exit codes: 0 success; 1 failure, explained on stderr; 2 wrong usage.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_file(const char *path) {
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        exit(1);
    }
    size_t length = 0, capacity = 1 << 20;
    char *text = malloc(capacity + 1);
    length = text ? fread(text, 1, capacity, stream) : 0;
    fclose(stream);
    if (!text || length == capacity) {
        fprintf(stderr, "%s: too large\n", path);
        exit(1);
    }
    text[length] = '\0';
    return text;
}

/* Parses text that must be one object and nothing else. */
static cJSON *parse_object(const char *path, const char *text) {
    cJSON *object = cJSON_ParseWithOpts(text, NULL, 1);
    if (!cJSON_IsObject(object)) {
        fprintf(stderr, "%s: not a JSON object: %.200s\n", path, text);
        exit(1);
    }
    return object;
}

static void check_keys(const char *path, const cJSON *object, int count, char **keys) {
    for (int i = 0; i < count; i++) {
        if (!cJSON_HasObjectItem(object, keys[i])) {
            fprintf(stderr, "%s: a line has no \"%s\"\n", path, keys[i]);
            exit(1);
        }
    }
    if (cJSON_GetArraySize(object) != count) {
        fprintf(stderr, "%s: a line has %d keys, not %d\n", path, cJSON_GetArraySize(object),
                count);
        exit(1);
    }
}

static int check_lines(const char *path, int count, char **keys) {
    char *text = read_file(path);
    int lines = 0;
    for (char *line = text; *line; lines++) {
        size_t length = strcspn(line, "\n");
        if (line[length] != '\n') {
            fprintf(stderr, "%s: the last line has no end\n", path);
            exit(1);
        }
        line[length] = '\0';
        cJSON *object = parse_object(path, line);
        check_keys(path, object, count, keys);
        cJSON_Delete(object);
        line += length + 1;
    }
    free(text);
    printf("%d\n", lines);
    return 0;
}

static int print_value(const char *path, const char *key) {
    char *text = read_file(path);
    cJSON *object = parse_object(path, text);
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    char *printed = value ? cJSON_PrintUnformatted(value) : NULL;
    if (printed) {
        printf("%s\n", printed);
    } else {
        fprintf(stderr, "%s: has no \"%s\"\n", path, key);
    }
    int code = printed ? 0 : 1;
    free(printed);
    cJSON_Delete(object);
    free(text);
    return code;
}

int main(int argc, char **argv) {
    if (argc >= 4 && strcmp(argv[1], "lines") == 0) {
        return check_lines(argv[2], argc - 3, argv + 3);
    }
    if (argc == 4 && strcmp(argv[1], "get") == 0) {
        return print_value(argv[2], argv[3]);
    }
    fprintf(stderr, "usage: json lines FILE KEY... | json get FILE KEY\n");
    return 2;
}
