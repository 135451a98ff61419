// Windows: whether changes may be applied at a time of the week. Pure.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "espalier/v1/git_source.pb.h"

namespace espalier {

struct WindowAnswer {
  bool open = true;
  // What keeps it closed: "window release-freeze forbids it", "no window is open". Empty if open.
  std::string why;
  // When the answer changes next; InfiniteFuture() if it never does.
  absl::Time until = absl::InfiniteFuture();
};

// What the windows say at `now`. One that forbids wins; where there are some that allow, nothing is
// allowed outside of them. A window begins when the clocks of its time zone show its start on one
// of its days (where they jump over it: with the jump; where they show it twice: the first time),
// and lasts so many minutes of real time, over midnight and over changes of the clock. A time zone
// that this machine does not know keeps everything closed.
WindowAnswer WindowsAt(const google::protobuf::Map<std::string, v1::Window>& windows,
                       absl::Time now);

}  // namespace espalier
