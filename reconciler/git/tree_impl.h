// What a GitTree consists of, for the files of reconciler/git that make trees or compare them.
#pragma once

#include <memory>

#include "reconciler/git/libgit.h"
#include "reconciler/git/tree.h"

namespace espalier {

struct GitTree::Impl {
  // Shared: the trees that are compared, and the objects that a merge made, are of one repository.
  std::shared_ptr<const OpenRepository> repository;
  GitTreeHandle root;
};

}  // namespace espalier
