// Poster: makes the forge show what a Surface says, step by step. Level-triggered: whatever was
// done before, by us, by another reconciler or by hand, the same surface comes out. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "reconciler/forge/forge.h"
#include "reconciler/review/surface.h"

namespace espalier {

// Does what is missing and notes it in `posted`, unless another reconciler's comment is about a
// newer head, or says of the same one what was found out later: then nothing; `save` is called
// after each step, so that what was done is known even if the next step never comes. `key` is that
// of the markers: "plan/fleet". The first error ends it; what follows is done by the next call.
// Errors are the forge's.
absl::Status PostSurface(Forge& forge, const std::string& key, const Surface& surface,
                         Posted& posted, const std::function<void()>& save);

// Answers the commands of comments, by their ids: each once, whoever answered.
absl::Status PostReplies(Forge& forge, const std::string& key, std::int64_t number,
                         const std::map<std::string, std::string>& replies, Posted& posted,
                         const std::function<void()>& save);

// The same of one command in the comments of an issue. Nothing is kept of it: what was answered is
// seen in the comments.
absl::Status PostIssueReply(Forge& forge, const std::string& key, std::int64_t number,
                            const std::string& comment, const std::string& text);
// Comments of an issue whose command was answered, by their ids. `key` as above.
std::set<std::string> AnsweredIn(const std::vector<ForgeComment>& comments, const std::string& key);

// An issue that shall be there while `body` is not empty: one, under `label`, with the
// marker of `key`. Those beyond the oldest are closed. Its number; 0: there is none.
absl::StatusOr<std::int64_t> PostIssue(Forge& forge, const std::string& key,
                                       const std::string& label, const std::string& title,
                                       const std::string& body);

}  // namespace espalier
