#include "reconciler/proposal.h"

#include <algorithm>

namespace espalier {

const ProposedFile* ProposalResult::FindFile(const std::string& path) const {
  const auto found = std::find_if(files.begin(), files.end(), [&path](const ProposedFile& file) {
    return file.change.path == path;
  });
  return found == files.end() ? nullptr : &*found;
}

}  // namespace espalier
