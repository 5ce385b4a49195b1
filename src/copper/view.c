/* SPDX-License-Identifier: BSD-3-Clause */
/* A namespace is told apart by a hash of what is bound in it and of where it was made. So ranks
 * with the same environment share one, and a process of another container gets none that was not
 * made in its own. */
#include "copper/view.h"

#include "control/spaces_client.h"
#include "host/nspace.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAYOUT 2u /* to be raised when the same choice is bound in another way */

struct keys {
    uint8_t key[CU_SPACES_KEY_BYTES], base[CU_SPACES_KEY_BYTES];
};

static void hash_text(crypto_generichash_state *state, const char *text)
{
    (void)crypto_generichash_update(state, (const uint8_t *)text, strlen(text) + 1);
}

static int make_keys(const char *mount, const struct cu_choice *choice, bool overlay,
                     struct keys *keys)
{
    crypto_generichash_state state;
    struct cu_nspace_here here;
    const uint32_t layout = LAYOUT;
    int rc = cu_nspace_here(&here);

    if (rc < 0)
        return rc;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(keys->base));
    (void)crypto_generichash_update(&state, (const uint8_t *)here.user, sizeof(here.user));
    (void)crypto_generichash_update(&state, (const uint8_t *)&here.privileged,
                                    sizeof(here.privileged));
    (void)crypto_generichash_update(&state, (const uint8_t *)here.limits, sizeof(here.limits));
    (void)crypto_generichash_final(&state, keys->base, sizeof(keys->base));
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(keys->key));
    (void)crypto_generichash_update(&state, (const uint8_t *)&layout, sizeof(layout));
    (void)crypto_generichash_update(&state, (const uint8_t *)&here, sizeof(here));
    hash_text(&state, mount);
    hash_text(&state, overlay ? "overlay" : "bind");
    for (size_t i = 0; i < choice->count; i++) {
        const struct cu_choice_entry *entry = &choice->entries[i];

        if (entry->what == CU_CHOICE_LEFT)
            continue;
        hash_text(&state, entry->what == CU_CHOICE_BOUND ? "bound" : "kept");
        hash_text(&state, entry->path);
    }
    (void)crypto_generichash_final(&state, keys->key, sizeof(keys->key));
    return 0;
}

/* The descriptor, or -errno with err. */
static int make_space(const char *mount, const struct cu_choice *choice, bool overlay, int near_fd,
                      struct cu_error *err)
{
    struct cu_nspace_bind *binds = calloc(choice->count, sizeof(*binds));
    size_t count = 0;
    int rc;

    for (size_t i = 0; binds && i < choice->count; i++) {
        const struct cu_choice_entry *entry = &choice->entries[i];
        bool bound = entry->what == CU_CHOICE_BOUND;

        if (entry->what == CU_CHOICE_LEFT)
            continue;
        binds[count++] = (struct cu_nspace_bind){.root = bound ? mount : NULL,
                                                 .from = entry->path,
                                                 .to = entry->path,
                                                 .overlay = bound && overlay};
    }
    rc = binds ? cu_nspace_make(binds, count, near_fd, err)
               : cu_error_set(err, -ENOMEM, "out of memory");
    free(binds);
    return rc;
}

enum cu_view_result cu_view_enter(const char *mount, const struct cu_choice *choice, bool overlay,
                                  struct cu_error *err)
{
    struct cu_spaces_client client;
    struct keys keys;
    bool begun;
    int rc = make_keys(mount, choice, overlay, &keys), space, made;

    if (rc < 0) {
        cu_error_set(err, rc, "/proc/self/ns: %s", strerror(-rc));
        return CU_VIEW_NOT;
    }
    rc = cu_spaces_ask(&client, mount, keys.key, keys.base, &space, err);
    if (rc < 0)
        return CU_VIEW_NOT;
    if (rc == 0) {
        made = make_space(mount, choice, overlay, space, err);
        if (made >= 0)
            (void)!cu_spaces_give(&client, made); /* else it is this process's alone */
        if (space >= 0)
            close(space);
        space = made;
    }
    cu_spaces_close(&client);
    if (space < 0)
        return CU_VIEW_NOT;
    rc = cu_nspace_join(space, &begun, err);
    close(space);
    return rc == 0 ? CU_VIEW_ENTERED : begun ? CU_VIEW_LOST : CU_VIEW_NOT;
}
