/* SPDX-License-Identifier: BSD-3-Clause */
/* Where recipes (proto/recipe.h) are kept: a file each, readable by their user only, in
 * $COPPER_RECIPES, else $XDG_DATA_HOME/copper/recipes, else ~/.local/share/copper/recipes. The
 * directory must be on storage that all nodes see. ~ is $HOME, else that of the user's entry. */
#ifndef CU_COPPER_RECIPE_FILE_H
#define CU_COPPER_RECIPE_FILE_H

#include "base/error.h"
#include "base/path.h"
#include "control/client.h"
#include "proto/job.h"
#include "proto/recipe.h"

#include <stdbool.h>

/* The file of the recipe called name: a path when a slash stands in it, else in the directory of
 * recipes. 0, or -errno with err. */
__attribute__((warn_unused_result)) int cu_recipe_file_path(const char *name, char out[CU_PATH_MAX],
                                                            struct cu_error *err);
/* Sets job->recipe by job->learn: "auto" is the scheduler's name of the job, "off" is none. 0, or
 * -errno with err. Where there is no directory for it, "auto" is none, too, and that is said. */
__attribute__((warn_unused_result)) int cu_recipe_file_choose(struct cu_job *job,
                                                              struct cu_error *err);

/* A new recipe. -ENOENT: there is no file; -EPERM: it is not this user's alone; other -errno; all
 * with err. */
__attribute__((warn_unused_result)) int
cu_recipe_file_read(const char *path, struct cu_recipe **recipe, struct cu_error *err);
/* Waits until no other process writes the file, whose directory is made where there is none. A
 * descriptor: until it is closed no other one writes it; or -errno with err. */
__attribute__((warn_unused_result)) int cu_recipe_file_lock(const char *path, struct cu_error *err);
/* Replaces the file as a whole, by who has the lock. 0, or -errno with err: it is as before. */
__attribute__((warn_unused_result)) int
cu_recipe_file_write(const char *path, const struct cu_recipe *recipe, struct cu_error *err);
/* Brings the file up to date with what a job used, after other jobs that do so now. *old: a new
 * recipe, what the file had before; NULL: none. 0, or -errno with err: the file is as before. */
__attribute__((warn_unused_result)) int cu_recipe_file_update(const char *path,
                                                              const struct cu_recipe *used,
                                                              struct cu_recipe **old,
                                                              struct cu_error *err);

/* What the job's nodes have recorded: a new recipe; and the name that a command of the job has told
 * for it, "": none. 0, or -errno with err. */
__attribute__((warn_unused_result)) int cu_recipe_file_ask(struct cu_client *client,
                                                           struct cu_recipe **recipe,
                                                           char name[CU_JOB_RECIPE_MAX + 1],
                                                           struct cu_error *err);
/* What a job has recorded, between the end of its daemons and the write of the file. */
struct cu_recipe_taken {
    struct cu_recipe *used;           /* owned; NULL: nothing */
    char name[CU_JOB_RECIPE_MAX + 1]; /* that a command has told; "": none */
};
/* Asks for the record. A failure is said on standard error; a job ends without a recipe as well. */
void cu_recipe_file_take(struct cu_client *client, struct cu_recipe_taken *taken);
/* Brings the file up to date with it, prints what of the file was used by the job, and empties
 * taken. path NULL: the file of the name that was told, if there is one. Failures are said on
 * standard error. */
void cu_recipe_file_keep(struct cu_recipe_taken *taken, const char *path);

#endif
