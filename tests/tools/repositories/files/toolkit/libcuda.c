/* Stub of libcuda.so.1: the few functions that gpu_proof calls, for the GPUs that /usr/lib/cuda-stub describes.
 *
 * driver    one line: what cuInit returns, and the version of CUDA
 * gpu-N     one line for each GPU: UUID (32 hex digits), compute capability (two numbers), MiB of memory, what making a
 *           context on it returns, and its name
 * Memory of the "GPU" is memory of the process. Only functions that every libc has are used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "/usr/lib/cuda-stub/"
#define MOST 16

struct gpu {
    unsigned char uuid[16];
    int major, minor, context;
    unsigned long memory;
    char name[128];
};

static struct gpu gpus[MOST];
static int count, version, current = -1;

static int digit(int c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

static long number(char **text)
{
    long value = 0;
    while (**text == ' ')
        ++*text;
    while (**text >= '0' && **text <= '9')
        value = value * 10 + *(*text)++ - '0';
    return value;
}

static char *line_of(const char *name, char *line, int size)
{
    FILE *file = fopen(name, "r");
    char *read = file ? fgets(line, size, file) : NULL;
    if (file)
        fclose(file);
    if (read && strchr(read, '\n'))
        *strchr(read, '\n') = 0;
    return read;
}

static void read_gpu(char *line)
{
    struct gpu *gpu = &gpus[count++];
    for (int i = 0; i < 16; ++i)
        gpu->uuid[i] = digit(line[2 * i]) * 16 + digit(line[2 * i + 1]);
    line += 32;
    gpu->major = number(&line);
    gpu->minor = number(&line);
    gpu->memory = number(&line);
    gpu->context = number(&line);
    strncpy(gpu->name, *line ? line + 1 : "", sizeof gpu->name - 1);
}

int cuInit(unsigned flags)
{
    char line[256], name[] = FOLDER "gpu-a", *text = line_of(FOLDER "driver", line, sizeof line);
    if (!text || flags)
        return 100;
    int code = number(&text);
    version = number(&text);
    count = 0;
    for (int i = 0; i < MOST; ++i, ++name[sizeof name - 2])
        if (line_of(name, line, sizeof line))
            read_gpu(line);
    return code ? code : count ? 0 : 100;
}

int cuDriverGetVersion(int *value) { return *value = version, 0; }
int cuDeviceGetCount(int *value) { return *value = count, 0; }
int cuDeviceGet(int *device, int index) { return *device = index, index < 0 || index >= count ? 101 : 0; }
int cuDeviceGetName(char *text, int size, int device) { return strncpy(text, gpus[device].name, size), 0; }
int cuDeviceGetUuid(void *uuid, int device) { return memcpy(uuid, gpus[device].uuid, 16), 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { return *bytes = gpus[device].memory << 20, 0; }
int cuDeviceGetAttribute(int *value, int which, int device)
{
    return *value = which == 75 ? gpus[device].major : which == 76 ? gpus[device].minor : 0, 0;
}
int cuDevicePrimaryCtxRetain(void **context, int device) { return *context = &gpus[device], gpus[device].context; }
int cuDevicePrimaryCtxRelease_v2(int device) { return current = -1, device < 0; }
int cuCtxSetCurrent(void *context) { return current = (struct gpu *)context - gpus, 0; }
int cuMemAlloc_v2(unsigned long long *pointer, size_t bytes)
{
    return current < 0 ? 201 : (*pointer = (unsigned long long)malloc(bytes)) ? 0 : 2;
}
int cuMemFree_v2(unsigned long long pointer) { return free((void *)pointer), 0; }
int cuMemcpyHtoD_v2(unsigned long long to, const void *from, size_t bytes) { return memcpy((void *)to, from, bytes), 0; }
int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t bytes) { return memcpy(to, (void *)from, bytes), 0; }

static const struct { int code; const char *name, *text; } errors[] = {
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {802, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

int cuGetErrorName(int code, const char **text)
{
    for (unsigned i = 0; i < sizeof errors / sizeof *errors; ++i)
        if (errors[i].code == code)
            return *text = errors[i].name, 0;
    return 1;
}

int cuGetErrorString(int code, const char **text)
{
    for (unsigned i = 0; i < sizeof errors / sizeof *errors; ++i)
        if (errors[i].code == code)
            return *text = errors[i].text, 0;
    return 1;
}
