/*
 * inside.h - what the files of store/ share, and nobody else needs.
 */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include <stdbool.h>
#include <sys/types.h>

/* ---- link ---- */

/*
 * Files that appear whole under their name.  link_linux.c has the Linux forms,
 * link_posix.c the portable ones; the Makefile links one of them.  Functions
 * that return int give -1 with errno on failure.
 */

/* Opens a new file of this mode in a directory, without a name; ENOTSUP where that cannot be. */
int link_create_unnamed(int directory, mode_t mode);

/* Gives it a name; EEXIST if the name is taken.  *by_path is false at first, and kept from call to call: a way that
   was refused is not tried again. */
int link_name_unnamed(int fd, int directory, const char *name, bool *by_path);

/* Renames a file, for file systems without hard links; EEXIST if the new name is taken. */
int link_rename_new(int from_directory, const char *from, int directory, const char *name);

#endif
