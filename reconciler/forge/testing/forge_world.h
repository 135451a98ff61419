// ForgeWorld: a client and the server that plays its forge, for tests that run on each of them.
#pragma once

#include <memory>
#include <string>

#include "engine/base/clock.h"
#include "engine/base/executor.h"
#include "engine/base/http.h"
#include "reconciler/forge/forge.h"
#include "reconciler/forge/testing/fake_forge.h"

namespace espalier {

inline constexpr const char* kForgeWorlds[] = {"github", "github_app", "gitlab", "gitea"};

struct ForgeWorld {
  std::unique_ptr<FakeForge> fake;
  std::unique_ptr<Forge> forge;
  // Who the client is there, and by which token.
  std::string login;
  std::string token;
  // What the path of making a pull request ends with.
  std::string pulls_path;
};

// `type` is one of kForgeWorlds. Borrowed: threads, clock, http.
ForgeWorld MakeForgeWorld(const std::string& type, Threads& threads, Clock& clock, Http& http);

// A client alone, of what is at `url`.
std::unique_ptr<Forge> MakeForgeOf(const std::string& type, Clock& clock, Http& http,
                                   const std::string& url, const std::string& project,
                                   const std::string& token);

}  // namespace espalier
