/* Shifts the wall clock of a program by SHIFT_CLOCK_SECONDS, through LD_PRELOAD. Monotonic clocks stay as they are.
 *
 * Debian's libfaketime 0.9.10 does not serve: without FAKETIME_DONT_FAKE_MONOTONIC a Python thread never wakes from a
 * wait with a time-out (sem_clockwait), and with it time.sleep fails with EINVAL (clock_nanosleep).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long shift(void) {
    static long seconds;
    static int is_read;
    if (!is_read) {
        const char *text = getenv("SHIFT_CLOCK_SECONDS");
        seconds = text ? atol(text) : 0;
        is_read = 1;
    }
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *moment) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, moment);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) moment->tv_sec += shift();
    return result;
}

int gettimeofday(struct timeval *restrict moment, void *restrict zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = (int (*)(struct timeval *, void *))dlsym(RTLD_NEXT, "gettimeofday");
    int result = real(moment, zone);
    if (result == 0) moment->tv_sec += shift();
    return result;
}

time_t time(time_t *result) {
    struct timespec moment;
    clock_gettime(CLOCK_REALTIME, &moment);
    if (result) *result = moment.tv_sec;
    return moment.tv_sec;
}
