/* Laid under a program (LD_PRELOAD), makes every file system one without locks and hard links, as some mounts of
   Lustre, NFS and exFAT are. NO_LOCKS is what a lock is answered with. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

static int refuse(int code) {
  errno = code;
  return -1;
}

int flock(int file, int operation) { return refuse(NO_LOCKS); }
int link(const char *from, const char *to) { return refuse(EPERM); }
int linkat(int in, const char *from, int at, const char *to, int flags) { return refuse(EPERM); }

static int pass_on(const char *name, int file, int command, void *argument) {
  if (command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW)
    return refuse(NO_LOCKS);
  int (*real)(int, int, ...) = dlsym(RTLD_NEXT, name);
  return real(file, command, argument);
}

#define FCNTL(name)                              \
  int name(int file, int command, ...) {         \
    va_list rest;                                \
    va_start(rest, command);                     \
    void *argument = va_arg(rest, void *);       \
    va_end(rest);                                \
    return pass_on(#name, file, command, argument); \
  }
FCNTL(fcntl)
FCNTL(fcntl64)
