// What a pull can take from images that lie on the disk already. Any thread; reads and clones
// files.
#pragma once

#include <map>
#include <set>
#include <string>

#include "engine/base/io.h"
#include "engine/oci/image_layout.h"
#include "engine/oci/transfer.h"
#include "macagent/image/image_dirs.h"

namespace espalier::agent {

// Where pieces of `layout` lie in the images `ready`, for a pull into `dir`. If one of them has
// most of the disk in place, its disk is cloned into `dir` first, and the pieces are those of the
// clone. Of images that cannot be read, or vanish meanwhile, nothing is taken: pieces are a gift.
std::map<std::string, oci::LocalPiece> FindLocalPieces(Io& io, ImageDirs& dirs,
                                                       const std::set<std::string>& ready,
                                                       const oci::ImageLayout& layout,
                                                       const std::string& dir);

}  // namespace espalier::agent
