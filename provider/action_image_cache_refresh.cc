// espalier_image_cache_refresh: has the tags of a cache asked of their registries now, and waits
// until what they stand for lies on the cache's hosts. The engine ends the hold itself.
#include "absl/strings/str_cat.h"
#include "provider/actions.h"
#include "provider/call_schema.h"

namespace espalier::provider {
namespace {

using Use = Attribute::Use;
using Progress = Verdict::Progress;

constexpr char kRefresh[] = "refresh";
constexpr absl::Duration kPatience = absl::Hours(1);

Schema MakeSchema() {
  Schema schema;
  schema.type_name = "espalier_image_cache_refresh";
  schema.description =
      "Asks the registries of an image cache what its tags stand for now, and returns when that "
      "lies "
      "on all of its hosts. Names of Images keep the digest that was found first.";
  schema.attributes = SortedByName({
      TextAttribute(kName, Use::kRequired, "Name of the image cache."),
      ReasonAttribute(Use::kOptional),
      TimeoutAttribute("1h"),
  });
  return schema;
}

void Validate(const Value& config, Diagnostics& diagnostics) {
  CheckName(config, kName, diagnostics);
  CheckDuration(config, kTimeout, diagnostics);
}

std::string StateOf(const Resource& cache, bool asking) {
  const v1::ImageCacheStatus& status = cache.image_cache().status();
  std::string text = absl::StrCat(ToHuman(RefOf(cache)), ": ");
  const auto ready = status.conditions().find("Ready");
  const std::string& why =
      ready != status.conditions().end() ? ready->second.message() : std::string();
  if (asking) {
    absl::StrAppend(&text, "registries are asked");
    // What the counts say is about the last answers.
    const bool unknown =
        ready != status.conditions().end() && ready->second.reason() == "ImageUnknown";
    if (unknown) absl::StrAppend(&text, ": ", why);
    return text;
  }
  absl::StrAppend(&text, status.ready(), " of ", status.wanted(), " images are there");
  if (status.failed() > 0) absl::StrAppend(&text, ", ", status.failed(), " failed: ", why);
  return text;
}

Diagnostics Invoke(const ActionRun& run) {
  Diagnostics diagnostics;
  const Ref ref = RefFor(Kind::kImageCache, run.config, Value());
  const std::string summary = absl::StrCat("Cannot refresh ", ToHuman(ref));
  const absl::Duration timeout = DurationOf(run.config, kTimeout, kPatience);
  v1::HoldChange hold;
  hold.set_hold(kRefresh);
  hold.set_why(WhyOfAction("refresh", run));
  const std::int64_t held_at = ChangeHold(run.engine, ref, hold, summary, diagnostics);
  if (diagnostics.HasErrors()) return diagnostics;
  bool asking = true;
  const WaitResult waited = run.engine.Wait(ref, timeout, [&](const Resource* cache) -> Verdict {
    if (cache == nullptr) return {Progress::kFailed, "It was deleted by somebody else meanwhile."};
    // A watch may begin with a picture from before the hold.
    if (cache->metadata().revision() < held_at) return {Progress::kWaiting, ""};
    asking = cache->metadata().holds().contains(kRefresh);
    const std::string state = StateOf(*cache, asking);
    if (!run.progress(state)) return {Progress::kFailed, "Terraform does not listen any more."};
    const v1::ImageCacheStatus& status = cache->image_cache().status();
    const bool done = !asking && status.ready() >= status.wanted();
    return {done ? Progress::kDone : Progress::kWaiting, absl::StrCat(state, ".")};
  });
  AddEnd(waited, timeout, absl::StrCat(ToHuman(ref), " is not refreshed yet"),
         "The engine goes on with it.", diagnostics);
  return diagnostics;
}

}  // namespace

ActionType ImageCacheRefreshType() {
  return {.schema = MakeSchema(), .validate = &Validate, .invoke = &Invoke};
}

}  // namespace espalier::provider
