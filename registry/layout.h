#ifndef BULLA_REGISTRY_LAYOUT_H
#define BULLA_REGISTRY_LAYOUT_H

#include "registry/store.h"

/*
 * An OCI image layout on disk as a store (image-spec "image-layout"; registry.md 12).
 *
 * Tags are entries of index.json with org.opencontainers.image.ref.name. A manifest that is put
 * by digest alone is stored and not listed. A referrer gets an entry without a name, so that
 * garbage collection keeps it and other tools see it; the price is that skopeo wants a name
 * ("oci:DIR:TAG") as soon as there is more than one entry. Deleting a
 * manifest takes its entries away, and its file unless an index that is still listed holds it.
 *
 * The list of referrers is made from index.json, through the indexes that it lists. What index.json
 * itself lists must be readable, else the fetch fails: a lost signature is not "unsigned". Children
 * of an index may be absent, as sparse layouts allow.
 *
 * Of what `cosign save` wrote (registry.md 12.2) the signatures and attestations are found under
 * their tags, and bundles, which it lists nowhere, among all blobs.
 */

/** Open the layout in ref->repository, or make it (`write`). -1 with ERR_NOT_FOUND, ERR_MALFORMED
 * (not a layout), ERR_UNSUPPORTED (another version), ERR_CONFLICT (a folder with other things in
 * it), ERR_IO, ERR_DEADLINE. */
int layout_open(struct store **out, const struct reference *ref, bool write,
                struct err *err) MUST_CHECK;

/** One entry of index.json. */
struct layout_entry {
    struct descriptor descriptor;
    const char *name; /* org.opencontainers.image.ref.name, or NULL */
    const char *kind; /* cosign's word for what it saved, or NULL */
};

struct layout_index {
    struct layout_entry *entries;
    size_t n;
};

/** Parse index.json. Texts live in the arena, views borrow from `text`. -1 with ERR_MALFORMED,
 * ERR_UNSUPPORTED, ERR_LIMIT (LAYOUT_ENTRIES_MAX), ERR_NOMEM. */
int layout_index_parse(struct layout_index *out, struct bytes text, struct arena *arena,
                       struct err *err) MUST_CHECK;

/** The entry of that name; for "sha256-<hex>.sig" and ".att" of an image that cosign saved also the
 * entry that it annotated as such. -1 with ERR_NOT_FOUND, or ERR_MALFORMED when two entries of the
 * name have different digests. */
int layout_index_find(const struct layout_entry **out, const struct layout_index *index,
                      const char *name, struct err *err) MUST_CHECK;

/** The one image that `cosign save` wrote here, or NULL. */
const struct digest *layout_index_saved(const struct layout_index *index);

/** Is it what cosign saved beside an image: signatures, attestations? */
bool layout_entry_is_attached(const struct layout_entry *entry);

#endif
