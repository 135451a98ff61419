// SqliteLog: the only code that speaks to SQLite. One connection for everything, writes and
// checkpoints: SQLite before 3.51.3 can damage a file when two connections do them at the same
// moment.
//
//   log(id INTEGER PRIMARY KEY, op, key, value, create_revision)   id: see RowId
//   meta(name PRIMARY KEY, value)                                  epoch, floor
//
// Rows are only ever appended, which makes a commit one sequential write. Rows at or below `floor`
// that are not the last of their key may be missing; everything above it is complete. One thread at
// a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/store/log_row.h"
#include "engine/store/log_sweep.h"

struct sqlite3;
struct sqlite3_stmt;

namespace espalier {

class SqliteLog {
 public:
  struct Meta {
    std::string epoch;
    std::int64_t floor = 0;
  };

  // See OpenSqliteStore for the errors. A new file gets `new_epoch`.
  static absl::StatusOr<std::unique_ptr<SqliteLog>> Open(const std::string& path,
                                                         const std::string& new_epoch);
  ~SqliteLog();
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  absl::StatusOr<Meta> ReadMeta();
  // Shows every row in order of its id. DATA_LOSS if one cannot be.
  absl::Status ReadRows(absl::FunctionRef<void(LogRow)> visit);

  // Each is one transaction, durable when it returns OK. After an error the state on the disk is
  // unknown; the log must not be written again.
  absl::Status Append(absl::Span<const LogRow> rows);
  absl::Status WriteFloor(std::int64_t floor);
  // Goes on with `sweep` until about `work` rows and gaps are done. The number of rows deleted.
  absl::StatusOr<std::int64_t> Delete(LogSweep& sweep, std::int64_t work);
  // Everything is `rows` and `meta` now.
  absl::Status Replace(absl::Span<const LogRow> rows, const Meta& meta);

  // Moves what the write-ahead log has gathered into the file, so that its room is used again.
  absl::Status Checkpoint();
  // Pages in the write-ahead log that are not in the file yet.
  int wal_pages() const { return wal_pages_; }

 private:
  class InTransaction;
  SqliteLog() = default;

  absl::Status Configure(const std::string& new_epoch);
  absl::Status CheckFormat(bool& fresh);
  absl::Status Prepare(const char* sql, sqlite3_stmt*& statement);
  absl::Status Execute(const char* sql);
  absl::StatusOr<std::string> ReadText(const char* sql);
  absl::Status Insert(const LogRow& row);
  absl::Status WriteMeta(absl::string_view name, absl::string_view value);
  absl::Status StepToEnd(sqlite3_stmt* statement);
  absl::Status Error(absl::string_view doing) const;

  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* delete_gap_ = nullptr;
  sqlite3_stmt* write_meta_ = nullptr;
  int wal_pages_ = 0;
};

}  // namespace espalier
