/* safetensors.c: named tensors in a file format that other systems read. */
#include "formats/safetensors.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "config/json.h"
#include "config/json_write.h"
#include "core/file.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors files are little-endian; this machine needs a conversion here"
#endif

enum {
    LENGTH_BYTES = 8,
    ALIGNMENT = 64,
    HEADER_LIMIT = 100000000
};

static const char CHECKSUM_KEY[] = "mote.checksum";
static const char METADATA_KEY[] = "__metadata__";

/* ---- the checksum ---- */

/* crc32 over runs of any length. */
static uint32_t checksum_bytes(uint32_t checksum, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    while (count > 0) {
        uInt run = count < (1u << 30) ? (uInt)count : 1u << 30;
        checksum = (uint32_t)crc32(checksum, at, run);
        at += run;
        count -= run;
    }
    return checksum;
}

static uint32_t checksum_text(uint32_t checksum, const char *text) {
    return checksum_bytes(checksum, text, strlen(text) + 1);
}

/* ---- writing ---- */

static size_t tensor_bytes(const mote_tensor *tensor) {
    return mote_shape_count(tensor->shape) * sizeof(mote_real);
}

static void describe_tensor(mote_json_writer *writer, cJSON *header, const mote_tensor_entry *entry,
                            size_t *offset) {
    const mote_shape *shape = &entry->tensor.shape;
    cJSON *object = mote_json_add_object(writer, header, entry->name);
    mote_json_add_string(writer, object, "dtype", "F32");
    cJSON *dims = mote_json_add_array(writer, object, "shape");
    for (size_t i = 0; i < shape->rank; i++) {
        mote_json_add_number(writer, dims, NULL, (double)shape->dims[i]);
    }
    cJSON *offsets = mote_json_add_array(writer, object, "data_offsets");
    mote_json_add_number(writer, offsets, NULL, (double)*offset);
    *offset += tensor_bytes(&entry->tensor);
    mote_json_add_number(writer, offsets, NULL, (double)*offset);
}

/* The header's text; NULL when out of memory. */
static char *describe_file(const mote_tensor_entry *tensors, size_t tensor_count,
                           const mote_metadata_entry *metadata, size_t metadata_count) {
    mote_json_writer writer = {0};
    cJSON *header = mote_json_new_object(&writer);
    cJSON *strings = mote_json_add_object(&writer, header, METADATA_KEY);
    uint32_t checksum = 0;
    for (size_t i = 0; i < metadata_count; i++) {
        mote_json_add_string(&writer, strings, metadata[i].key, metadata[i].value);
        checksum = checksum_text(checksum_text(checksum, metadata[i].key), metadata[i].value);
    }
    size_t offset = 0;
    for (size_t i = 0; i < tensor_count; i++) {
        describe_tensor(&writer, header, &tensors[i], &offset);
        checksum =
            checksum_bytes(checksum, tensors[i].tensor.data, tensor_bytes(&tensors[i].tensor));
    }
    char text[16];
    snprintf(text, sizeof text, "%08x", checksum);
    mote_json_add_string(&writer, strings, CHECKSUM_KEY, text);
    return mote_json_print(&writer, header, MOTE_JSON_ONE_LINE);
}

/* Writes the length, the header, and spaces that align the data. */
static void write_header(mote_file_writer *writer, const char *text) {
    char spaces[ALIGNMENT];
    memset(spaces, ' ', sizeof spaces);
    size_t length = strlen(text);
    size_t padded = (LENGTH_BYTES + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - LENGTH_BYTES;
    unsigned char bytes[LENGTH_BYTES];
    for (size_t i = 0; i < LENGTH_BYTES; i++) {
        bytes[i] = (unsigned char)(padded >> (8 * i) & 0xff);
    }
    mote_file_put(writer, bytes, sizeof bytes);
    mote_file_put(writer, text, length);
    mote_file_put(writer, spaces, padded - length);
}

mote_status mote_safetensors_write(const char *path, const mote_tensor_entry *tensors,
                                   size_t tensor_count, const mote_metadata_entry *metadata,
                                   size_t metadata_count, mote_error *error) {
    char *text = describe_file(tensors, tensor_count, metadata, metadata_count);
    if (!text) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
    }
    mote_file_writer writer;
    mote_status status = mote_file_open(&writer, path, error);
    if (status == MOTE_OK) {
        write_header(&writer, text);
        for (size_t i = 0; i < tensor_count; i++) {
            mote_file_put(&writer, tensors[i].tensor.data, tensor_bytes(&tensors[i].tensor));
        }
        status = mote_file_commit(&writer, error);
    }
    free(text);
    return status;
}

/* ---- reading ---- */

struct mote_safetensors {
    char *path;
    char *bytes; /* the whole file */
    const char *data;
    size_t data_length;
    cJSON *header;
    const cJSON *metadata; /* NULL if there is none */
};

/* Reads a non-negative integer. */
static bool read_count(const cJSON *node, size_t *count) {
    if (!cJSON_IsNumber(node) || node->valuedouble < 0 || node->valuedouble > 0x1p53 ||
        node->valuedouble != (double)(size_t)node->valuedouble) {
        return false;
    }
    *count = (size_t)node->valuedouble;
    return true;
}

static size_t dtype_bytes(const cJSON *dtype) {
    static const struct {
        const char *name;
        size_t bytes;
    } dtypes[] = {{"F64", 8}, {"I64", 8}, {"U64", 8},  {"F32", 4}, {"I32", 4},
                  {"U32", 4}, {"F16", 2}, {"BF16", 2}, {"I16", 2}, {"U16", 2},
                  {"I8", 1},  {"U8", 1},  {"BOOL", 1}};
    for (size_t i = 0; cJSON_IsString(dtype) && i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(dtype->valuestring, dtypes[i].name) == 0) {
            return dtypes[i].bytes;
        }
    }
    return 0;
}

/* Reads the byte range of a tensor's data; false if the entry makes no sense. */
static bool read_span(const mote_safetensors *file, const cJSON *entry, size_t *begin,
                      size_t *end) {
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    return cJSON_IsArray(offsets) && cJSON_GetArraySize(offsets) == 2 &&
           read_count(cJSON_GetArrayItem(offsets, 0), begin) &&
           read_count(cJSON_GetArrayItem(offsets, 1), end) && *begin <= *end &&
           *end <= file->data_length;
}

/* Whether the shape, dtype and byte range of an entry agree. Unknown dtypes are allowed in the file
 * as long as nobody asks for them. */
static bool check_entry(const mote_safetensors *file, const cJSON *entry) {
    const cJSON *dims = cJSON_GetObjectItemCaseSensitive(entry, "shape");
    size_t begin, end, bytes = dtype_bytes(cJSON_GetObjectItemCaseSensitive(entry, "dtype"));
    if (!cJSON_IsArray(dims) || !read_span(file, entry, &begin, &end)) {
        return false;
    }
    size_t count = 1;
    for (const cJSON *dim = dims->child; dim; dim = dim->next) {
        size_t extent;
        if (!read_count(dim, &extent) || (extent && count > SIZE_MAX / 16 / extent)) {
            return false;
        }
        count *= extent;
    }
    return bytes == 0 || count * bytes == end - begin;
}

typedef struct span {
    size_t begin, end;
} span;

static int compare_spans(const void *left, const void *right) {
    const span *a = left, *b = right;
    if (a->begin != b->begin) {
        return a->begin < b->begin ? -1 : 1;
    }
    return (a->end > b->end) - (a->end < b->end);
}

/* The format requires the tensors to fill the data without overlaps or gaps. */
static mote_status check_tiling(const mote_safetensors *file, mote_error *error) {
    span *spans = calloc((size_t)cJSON_GetArraySize(file->header) + 1, sizeof *spans);
    if (!spans) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", file->path);
    }
    size_t count = 0, reached = 0;
    for (const cJSON *entry = file->header->child; entry; entry = entry->next) {
        if (strcmp(entry->string, METADATA_KEY) != 0) {
            read_span(file, entry, &spans[count].begin, &spans[count].end);
            count++;
        }
    }
    qsort(spans, count, sizeof *spans, compare_spans);
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        good = good && spans[i].begin == reached;
        reached = spans[i].end;
    }
    free(spans);
    return good && reached == file->data_length
               ? MOTE_OK
               : mote_fail(
                     error, MOTE_DATA,
                     "%s: the tensors overlap or leave gaps: the file is cut short or damaged",
                     file->path);
}

static mote_status check_header(const mote_safetensors *file, mote_error *error) {
    for (const cJSON *entry = file->header->child; entry; entry = entry->next) {
        if (strcmp(entry->string, METADATA_KEY) != 0 && !check_entry(file, entry)) {
            return mote_fail(
                error, MOTE_DATA,
                "%s: the entry of the tensor \"%.60s\" makes no sense: the file is cut "
                "short or damaged",
                file->path, entry->string);
        }
    }
    return check_tiling(file, error);
}

static mote_status check_sum(const mote_safetensors *file, mote_error *error) {
    const char *expected = mote_safetensors_metadata(file, CHECKSUM_KEY);
    if (!expected) {
        return MOTE_OK; /* written by another system */
    }
    uint32_t checksum = 0;
    for (const cJSON *entry = file->metadata->child; entry; entry = entry->next) {
        if (cJSON_IsString(entry) && strcmp(entry->string, CHECKSUM_KEY) != 0) {
            checksum = checksum_text(checksum_text(checksum, entry->string), entry->valuestring);
        }
    }
    char text[16];
    snprintf(text, sizeof text, "%08x", checksum_bytes(checksum, file->data, file->data_length));
    if (strcmp(text, expected) != 0) {
        return mote_fail(error, MOTE_DATA, "%s: damaged: its checksum is %s, but should be %.16s",
                         file->path, text, expected);
    }
    return MOTE_OK;
}

static mote_status parse(mote_safetensors *file, size_t length, mote_error *error) {
    uint64_t header_length = 0;
    for (size_t i = 0; i < LENGTH_BYTES && i < length; i++) {
        header_length |= (uint64_t)(unsigned char)file->bytes[i] << (8 * i);
    }
    if (length < LENGTH_BYTES || header_length > HEADER_LIMIT ||
        header_length > length - LENGTH_BYTES) {
        return mote_fail(error, MOTE_DATA, "%s: not a safetensors file, or cut short", file->path);
    }
    file->data = file->bytes + LENGTH_BYTES + header_length;
    file->data_length = length - LENGTH_BYTES - (size_t)header_length;
    bool out_of_memory;
    file->header =
        mote_json_parse(file->bytes + LENGTH_BYTES, (size_t)header_length, &out_of_memory);
    if (out_of_memory) {
        return mote_fail(error, MOTE_MEMORY, "%s: out of memory", file->path);
    }
    if (!cJSON_IsObject(file->header)) {
        return mote_fail(error, MOTE_DATA, "%s: not a safetensors file: its header is not JSON",
                         file->path);
    }
    file->metadata = cJSON_GetObjectItemCaseSensitive(file->header, METADATA_KEY);
    mote_status status = check_header(file, error);
    return status == MOTE_OK ? check_sum(file, error) : status;
}

mote_safetensors *mote_safetensors_read(const char *path, mote_error *error) {
    mote_safetensors *file = calloc(1, sizeof *file);
    if (!file || !(file->path = strdup(path))) {
        free(file);
        mote_fail(error, MOTE_MEMORY, "%s: out of memory", path);
        return NULL;
    }
    size_t length = 0;
    file->bytes = mote_file_read(path, SIZE_MAX / 4, &length, error);
    if (!file->bytes || parse(file, length, error) != MOTE_OK) {
        mote_safetensors_destroy(file);
        return NULL;
    }
    return file;
}

void mote_safetensors_destroy(mote_safetensors *file) {
    if (file) {
        cJSON_Delete(file->header);
        free(file->bytes);
        free(file->path);
        free(file);
    }
}

const char *mote_safetensors_path(const mote_safetensors *file) {
    return file->path;
}

const char *mote_safetensors_metadata(const mote_safetensors *file, const char *key) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file->metadata, key));
}

static const cJSON *find_entry(const mote_safetensors *file, const char *name) {
    return strcmp(name, METADATA_KEY) != 0 ? cJSON_GetObjectItemCaseSensitive(file->header, name)
                                           : NULL;
}

/* Reads the shape of a checked entry; false if it has too many dimensions. */
static bool read_shape(const cJSON *entry, mote_shape *shape) {
    *shape = (mote_shape){0};
    const cJSON *dims = cJSON_GetObjectItemCaseSensitive(entry, "shape");
    for (const cJSON *dim = dims->child; dim; dim = dim->next) {
        if (shape->rank == MOTE_MAX_RANK) {
            return false;
        }
        shape->dims[shape->rank++] = (size_t)dim->valuedouble;
    }
    return true;
}

mote_status mote_safetensors_check(const mote_safetensors *file, const char *name,
                                   mote_shape expected_shape, mote_error *error) {
    const cJSON *entry = find_entry(file, name);
    if (!entry) {
        return mote_fail(error, MOTE_DATA, "%s: there is no tensor \"%s\"", file->path, name);
    }
    mote_shape shape;
    if (!read_shape(entry, &shape) || !mote_shape_equal(shape, expected_shape)) {
        char found[MOTE_SHAPE_TEXT_CAPACITY], expected[MOTE_SHAPE_TEXT_CAPACITY];
        return mote_fail(error, MOTE_DATA, "%s: the tensor \"%s\" is %s, but the model needs %s",
                         file->path, name, mote_shape_text(shape, found),
                         mote_shape_text(expected_shape, expected));
    }
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    if (!cJSON_IsString(dtype) || strcmp(dtype->valuestring, "F32") != 0) {
        return mote_fail(error, MOTE_DATA,
                         "%s: the tensor \"%s\" holds numbers of type %s; expected F32", file->path,
                         name, cJSON_IsString(dtype) ? dtype->valuestring : "?");
    }
    return MOTE_OK;
}

mote_status mote_safetensors_copy(const mote_safetensors *file, const char *name, mote_tensor to,
                                  mote_error *error) {
    mote_status status = mote_safetensors_check(file, name, to.shape, error);
    size_t begin, end;
    if (status == MOTE_OK && read_span(file, find_entry(file, name), &begin, &end)) {
        memcpy(to.data, file->data + begin, end - begin);
    }
    return status;
}
