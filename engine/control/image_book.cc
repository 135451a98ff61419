#include "engine/control/image_book.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace espalier::control {
namespace {

constexpr std::size_t kLines = 4;
// References that are remembered. Each is some hundred bytes; a fleet uses some dozens.
constexpr std::size_t kEntries = 4096;
// A failure is good for so long: registries are not to be hammered by everybody who waits.
constexpr absl::Duration kFailureAge = absl::Seconds(10);

// The registry's host decides the line.
std::size_t LineOf(const std::string& reference) {
  std::size_t sum = 0;
  for (const char c : reference.substr(0, reference.find('/'))) {
    sum = sum * 31 + static_cast<unsigned char>(c);
  }
  return sum % kLines;
}

}  // namespace

std::string WithDigest(absl::string_view reference, absl::string_view digest) {
  return absl::StrCat(reference.substr(0, reference.find('@')), "@", digest);
}

bool IsReference(absl::string_view image) { return absl::StrContains(image, "/"); }

ImageBook::ImageBook(Clock& clock, Threads& threads, ImageSource source)
    : clock_(clock), threads_(threads), source_(std::move(source)) {}

ImageBook::~ImageBook() { ESPALIER_CHECK(lines_.empty()); }

void ImageBook::OnAnswer(std::function<void()> listener) {
  ESPALIER_CHECK(lines_.empty());
  listeners_.push_back(std::move(listener));
}

void ImageBook::Start() {
  ESPALIER_CHECK(lines_.empty());
  for (std::size_t i = 0; i < kLines; ++i) {
    lines_.push_back(std::make_unique<SerialExecutor>(clock_, threads_, "images"));
  }
}

void ImageBook::Stop() {
  for (const auto& line : lines_) line->Stop();
  lines_.clear();
}

std::optional<absl::StatusOr<ResolvedImage>> ImageBook::Ask(const std::string& reference,
                                                            absl::Duration max_age) {
  const absl::Duration now = clock_.Elapsed();
  {
    MutexLock lock(mu_);
    if (!entries_.contains(reference)) DropOldest();
    Entry& entry = entries_[reference];
    entry.used_at = now;
    if (entry.answer.has_value()) {
      const absl::Duration good_for = entry.answer->ok() ? max_age : std::min(max_age, kFailureAge);
      // What was answered at this very moment is never too old.
      if (now == entry.answered_at || now < entry.answered_at + good_for) return entry.answer;
    }
    if (entry.asking) return std::nullopt;
    entry.asking = true;
  }
  if (lines_.empty()) {
    Resolve(reference);
    MutexLock lock(mu_);
    return entries_[reference].answer;
  }
  const absl::Status posted =
      lines_[LineOf(reference)]->Post([this, reference] { Resolve(reference); });
  if (!posted.ok()) {
    MutexLock lock(mu_);
    entries_[reference].asking = false;
    return absl::StatusOr<ResolvedImage>(posted);
  }
  return std::nullopt;
}

absl::Status ImageBook::LastFailure(const std::string& reference) {
  MutexLock lock(mu_);
  const auto entry = entries_.find(reference);
  if (entry == entries_.end() || !entry->second.answer.has_value()) return absl::OkStatus();
  return entry->second.answer->status();
}

void ImageBook::Resolve(const std::string& reference) {
  absl::StatusOr<ResolvedImage> answer = source_(reference);
  {
    MutexLock lock(mu_);
    Entry& entry = entries_[reference];
    entry.answer = std::move(answer);
    entry.answered_at = clock_.Elapsed();
    entry.asking = false;
  }
  for (const std::function<void()>& listener : listeners_) listener();
}

void ImageBook::DropOldest() {
  if (entries_.size() < kEntries) return;
  auto oldest = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->second.asking) continue;
    if (oldest == entries_.end() || entry->second.used_at < oldest->second.used_at) oldest = entry;
  }
  if (oldest != entries_.end()) entries_.erase(oldest);
}

namespace {

ImageAnswer LookUpName(const std::string& name, const Snapshot& now) {
  const Resource* image = now.Find(Ref{Kind::kImage, "", name});
  if (image == nullptr) return {.why = absl::StrCat("image ", name, " does not exist")};
  const v1::ImageStatus& status = image->image().status();
  if (status.digest().empty() || status.resolved_reference() != image->image().spec().reference()) {
    const auto resolved = status.conditions().find("Resolved");
    const bool failed =
        resolved != status.conditions().end() && resolved->second.state() == v1::Condition::FALSE;
    return {.why = failed ? absl::StrCat("image ", name, ": ", resolved->second.message())
                          : absl::StrCat("image ", name, " is being looked up"),
            .coming = true};
  }
  return {.digest = status.digest(),
          .reference = WithDigest(status.resolved_reference(), status.digest()),
          .os = status.os(),
          .arch = status.arch(),
          .bytes = status.compressed_bytes()};
}

}  // namespace

ImageAnswer LookUpImage(const std::string& image, const Snapshot& now, ImageBook& book,
                        absl::Duration max_age) {
  if (!IsReference(image)) return LookUpName(image, now);
  const auto answer = book.Ask(image, max_age);
  if (!answer.has_value() || !answer->ok()) {
    // Everything that waits for the image would else be told in turns that it cannot be had and
    // that it is being looked up, and each turn is a write.
    const absl::Status failure = answer.has_value() ? answer->status() : book.LastFailure(image);
    return {.why = failure.ok() ? absl::StrCat("image ", image, " is being looked up")
                                : absl::StrCat("image ", image, ": ", failure.message()),
            .coming = true};
  }
  const ResolvedImage& resolved = **answer;
  return {.digest = resolved.digest,
          .reference = WithDigest(image, resolved.digest),
          .os = resolved.os,
          .arch = resolved.arch,
          .bytes = resolved.compressed_bytes};
}

}  // namespace espalier::control
