/*
 * Preloaded into redis-server (LD_PRELOAD): the wall clock is shifted by the milliseconds that the
 * file SERVER_CLOCK_FILE holds as one native 64-bit integer. The file is mapped, so that a test can
 * make the clock jump while the server runs. Monotonic clocks stay as they are.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t no_shift_ms = 0;
static const volatile int64_t *shift_ms = &no_shift_ms;

/* By system call: the allocator asks for the time before any symbol could be looked up. */
static int real_clock_gettime(clockid_t clock, struct timespec *out) {
    return syscall(SYS_clock_gettime, clock, out);
}

__attribute__((constructor)) static void open_clock_file(void) {
    const char *path = getenv("SERVER_CLOCK_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) shift_ms = mapped;
    close(file);
}

static int64_t shifted_nanoseconds(void) {
    struct timespec now;
    real_clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + *shift_ms * 1000000;
}

int clock_gettime(clockid_t clock, struct timespec *out) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return real_clock_gettime(clock, out);
    int64_t now = shifted_nanoseconds();
    out->tv_sec = now / 1000000000;
    out->tv_nsec = now % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    (void)zone;
    int64_t now = shifted_nanoseconds();
    out->tv_sec = now / 1000000000;
    out->tv_usec = now % 1000000000 / 1000;
    return 0;
}

time_t time(time_t *out) {
    time_t now = shifted_nanoseconds() / 1000000000;
    if (out) *out = now;
    return now;
}
