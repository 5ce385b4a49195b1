/* A change is a change of bytes. When the stamps of a file that is being read have moved, but not
 * its size and mtime, something was done to it that need not concern its bytes: a link, another
 * mode or owner, a rename there and back, an attribute. Or it was rewritten in place and its mtime
 * put back. Stamps cannot tell the two apart; bytes can. So what this node's kernel was given of
 * the old version is compared, by checksum, with the same parts of the new one, read through the
 * tree as any version is. When all are equal, what the kernel holds is the new version's, and the
 * inode goes on as that; else readers get ESTALE. Nothing is given to the kernel between the
 * comparison of the last part and the change of the inode's version, and a read that began before
 * does not end after it: two versions' bytes never meet.
 *
 * Where it is not known any more what the kernel was given (a large file, another daemon before
 * this one), the change of the stamp must be explained by another link count, mode or owner. */
#include "io/front_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#define TRIES       3u /* of one read: a file that is changed again and again is stale */
#define AT_ONCE_MAX 8u

struct cu_front_same {
    struct cu_attr attr; /* that storage shows now */
    uint32_t next;       /* part to compare next */
    bool differs;
};

static void give_up(struct cu_front *front, struct cu_front_request *r)
{
    r->kind = CU_FRONT_READ;
    if (r->read.epoch == r->inode->file.epoch)
        cu_front_mark_stale(front, r->inode);
    cu_front_request_fail(front, r, ESTALE);
}

static void read_again(struct cu_front *front, struct cu_front_request *r)
{
    r->kind = CU_FRONT_READ;
    free(r->read.same);
    r->read.same = NULL;
    cu_front_read_start(front, r);
}

static void carry_on(struct cu_front *front, struct cu_front_request *r)
{
    struct cu_inode *inode = r->inode;

    if (r->read.epoch == inode->file.epoch) { /* else: another read has done it */
        cu_front_stale_clear(front, inode);
        cu_inodes_set_attr(&front->inodes, inode, &r->read.same->attr);
        inode->file.epoch++;
    }
    read_again(front, r);
}

static bool same_time(const struct cu_time *a, const struct cu_time *b)
{
    return a->sec == b->sec && a->nsec == b->nsec;
}

/* Can it still be the same bytes? */
static bool may_be_same(const struct cu_attr *was, const struct cu_value *value)
{
    const struct cu_attr *is = &value->attr;

    return value->error == 0 && S_ISREG(is->mode) && is->size == was->size &&
           same_time(&is->mtime, &was->mtime) && !same_time(&is->ctime, &was->ctime);
}

static bool explained(const struct cu_attr *was, const struct cu_attr *is)
{
    return is->nlink != was->nlink || is->mode != was->mode || is->uid != was->uid ||
           is->gid != was->gid;
}

/* Wants the next parts of the new version, or ends. */
static void compare(struct cu_front *front, struct cu_front_request *r)
{
    struct cu_front_same *same = r->read.same;
    const struct cu_seen *seen = &r->inode->file.seen;
    struct cu_request what = {.kind = CU_KIND_DATA, .version = cu_version_of(&same->attr)};
    char path[CU_TREE_PATH_MAX];
    int len = cu_inode_path(r->inode, path);

    what.path = path;
    what.path_len = len < 0 ? 0 : (size_t)len;
    same->differs |= len < 0 || seen->lost;
    r->waiting++; /* a want that fails at once does not end it here */
    while (!same->differs && same->next < seen->count && r->waiting <= AT_ONCE_MAX) {
        uint32_t i = same->next++;

        what.chunk = seen->parts[i].chunk;
        what.piece = seen->parts[i].piece;
        cu_front_want(front, r, &what, i);
    }
    if (--r->waiting > 0)
        return;
    if (same->differs)
        give_up(front, r);
    else
        carry_on(front, r);
}

static void attr_done(struct cu_front *front, struct cu_front_request *r,
                      const struct cu_value *value)
{
    struct cu_inode *inode = r->inode;

    if (r->read.epoch != inode->file.epoch) {
        read_again(front, r);
        return;
    }
    if (!may_be_same(&inode->attr, value)) {
        give_up(front, r);
        return;
    }
    r->read.same = calloc(1, sizeof(*r->read.same));
    if (!r->read.same) {
        CU_FRONT_COUNT(front, no_memory);
        give_up(front, r);
        return;
    }
    r->read.same->attr = value->attr;
    if (!inode->file.seen.lost)
        compare(front, r);
    else if (explained(&inode->attr, &value->attr))
        carry_on(front, r);
    else
        give_up(front, r);
}

void cu_front_same_done(struct cu_front *front, struct cu_front_request *r, uint32_t sub,
                        const struct cu_value *value)
{
    const struct cu_seen *seen = &r->inode->file.seen;
    struct cu_front_same *same = r->read.same;

    if (!same) {
        attr_done(front, r, value);
        return;
    }
    same->differs |= value->error || sub >= seen->count || value->hash != seen->parts[sub].hash;
    if (same->differs ? r->waiting == 0 : r->waiting < AT_ONCE_MAX)
        compare(front, r);
}

bool cu_front_same_begin(struct cu_front *front, struct cu_front_request *r)
{
    struct cu_request what = {.kind = CU_KIND_ATTR};
    char path[CU_TREE_PATH_MAX];
    int len = cu_inode_path(r->inode, path);

    if (len < 0 || front->closing || ++r->read.tries > TRIES)
        return false;
    if (r->read.epoch != r->inode->file.epoch) {
        read_again(front, r);
        return true;
    }
    what.path = path;
    what.path_len = (size_t)len;
    what.version = cu_version_of(&r->inode->attr);
    r->kind = CU_FRONT_READ_SAME;
    cu_front_want(front, r, &what, 0);
    return true;
}
