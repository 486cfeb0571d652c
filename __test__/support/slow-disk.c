/*
 * Preloaded into Node (LD_PRELOAD): a disk below the folder SLOW_DISK_FOLDER that does what a test wants. What it does
 * is told by files in the folder SLOW_DISK_CONTROL:
 *   hold   syncs wait until the file is gone
 *   full   writes fail with ENOSPC
 *   broken syncs fail with EIO
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static const char *folder, *control;

__attribute__((constructor)) static void read_environment(void) {
    folder = getenv("SLOW_DISK_FOLDER");
    control = getenv("SLOW_DISK_CONTROL");
}

static int is_told(const char *what) {
    char path[PATH_MAX];
    if (control == NULL) return 0;
    snprintf(path, sizeof path, "%s/%s", control, what);
    int saved = errno;
    int told = access(path, F_OK) == 0;
    errno = saved;
    return told;
}

static int is_ours(int file) {
    char link[64], path[PATH_MAX];
    if (folder == NULL) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    int saved = errno;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

static int may_sync(int file) {
    if (!is_ours(file)) return 1;
    while (is_told("hold")) usleep(2000);
    if (!is_told("broken")) return 1;
    errno = EIO;
    return 0;
}

static int may_write(int file) {
    if (!is_told("full") || !is_ours(file)) return 1;
    errno = ENOSPC;
    return 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int file) {
    return may_sync(file) ? REAL(fsync)(file) : -1;
}

int fdatasync(int file) {
    return may_sync(file) ? REAL(fdatasync)(file) : -1;
}

ssize_t write(int file, const void *bytes, size_t count) {
    return may_write(file) ? REAL(write)(file, bytes, count) : -1;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    return may_write(file) ? REAL(pwrite)(file, bytes, count, at) : -1;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    return may_write(file) ? REAL(pwrite64)(file, bytes, count, at) : -1;
}

int ftruncate(int file, off_t length) {
    return may_write(file) ? REAL(ftruncate)(file, length) : -1;
}

int ftruncate64(int file, off64_t length) {
    return may_write(file) ? REAL(ftruncate64)(file, length) : -1;
}
