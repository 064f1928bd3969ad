/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_text.h - a whole text file, as people write them.
 */
#ifndef CONSOLE_FILE_TEXT_H
#define CONSOLE_FILE_TEXT_H

#include "core/yaml.h"

/*
 * The text of PATH; free it.  NULL, and an error, where it cannot be read, is no regular file, is
 * larger than 16 MiB, or holds a NUL.
 */
char *file_text_read(const char *path, struct yaml_errors *errors);

#endif
