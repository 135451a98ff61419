#include "reconciler/git/git_library.h"

#include <git2.h>

#include <initializer_list>

#include "engine/base/check.h"
#include "engine/base/limits.h"

namespace espalier {

GitLibrary::GitLibrary() {
  ESPALIER_CHECK(git_libgit2_init() >= 0);
  // An insteadOf or a proxy in somebody's ~/.gitconfig must not decide where declarations come
  // from.
  for (const int level : {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM,
                          GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL}) {
    ESPALIER_CHECK(git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "") == 0);
  }
  git_libgit2_opts(GIT_OPT_SET_TEMPLATE_PATH, "");
  git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, limits::kGitMapBytes / 8);
  git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, limits::kGitMapBytes);
  git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, static_cast<ssize_t>(limits::kGitCacheBytes));
  git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, limits::kGitObjects);
}

GitLibrary::~GitLibrary() { git_libgit2_shutdown(); }

}  // namespace espalier
