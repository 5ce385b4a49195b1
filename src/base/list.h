/* SPDX-License-Identifier: BSD-3-Clause */
/* Intrusive doubly linked list. The head is a link of its own; an unlinked element points to
 * itself. */
#ifndef CU_BASE_LIST_H
#define CU_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct cu_list {
    struct cu_list *prev;
    struct cu_list *next;
};

#define CU_LIST_ENTRY(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

static inline void cu_list_init(struct cu_list *list)
{
    list->prev = list;
    list->next = list;
}

static inline bool cu_list_empty(const struct cu_list *list)
{
    return list->next == list;
}

static inline void cu_list_insert_before(struct cu_list *at, struct cu_list *link)
{
    link->prev = at->prev;
    link->next = at;
    at->prev->next = link;
    at->prev = link;
}

static inline void cu_list_push_back(struct cu_list *list, struct cu_list *link)
{
    cu_list_insert_before(list, link);
}

static inline void cu_list_push_front(struct cu_list *list, struct cu_list *link)
{
    cu_list_insert_before(list->next, link);
}

/* Unlinking what is not linked does nothing. */
static inline void cu_list_remove(struct cu_list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    cu_list_init(link);
}

/* First link taken out, or NULL when empty. */
static inline struct cu_list *cu_list_pop_front(struct cu_list *list)
{
    struct cu_list *link = list->next;

    if (link == list)
        return NULL;
    cu_list_remove(link);
    return link;
}

/* Moves all of `from` to the end of `to`; `from` is empty then. */
static inline void cu_list_splice_back(struct cu_list *to, struct cu_list *from)
{
    if (cu_list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    cu_list_init(from);
}

#define cu_list_for_each(it, list)                                                                 \
    for (struct cu_list *it = (list)->next; it != (list); it = it->next)

/* The current element may be removed in the body. */
#define cu_list_for_each_safe(it, list)                                                            \
    for (struct cu_list *it = (list)->next, *it##_next = it->next; it != (list);                   \
         it = it##_next, it##_next = it->next)

#endif
