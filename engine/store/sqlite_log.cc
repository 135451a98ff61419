#include "engine/store/sqlite_log.h"

#include <sqlite3.h>

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status.h"

namespace espalier {
namespace {

// "espl" in the file's header, so that no other program's file is taken for a store.
constexpr std::int64_t kApplicationId = 0x6573706c;
constexpr std::int64_t kFormat = 1;

// Keeps the second process out and the index of the write-ahead log in memory; the latter only if
// it comes before the first look at the file.
constexpr char kExclusive[] = "PRAGMA locking_mode = EXCLUSIVE";

// Checkpoints are ours to time; mmap would turn a failing disk into a signal. fullfsync matters on
// macOS only, where fsync does not reach the drive's platters.
constexpr char kConfiguration[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA fullfsync = 1;"
    "PRAGMA checkpoint_fullfsync = 1;"
    "PRAGMA mmap_size = 0;"
    "PRAGMA wal_autocheckpoint = 0;"
    "PRAGMA journal_size_limit = 67108864;"
    "PRAGMA cache_size = -4096;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA trusted_schema = OFF;";

constexpr char kSchema[] =
    "CREATE TABLE log(id INTEGER PRIMARY KEY, op INTEGER NOT NULL, key BLOB NOT NULL,"
    " value BLOB NOT NULL, create_revision INTEGER NOT NULL);"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

std::string BlobAt(sqlite3_stmt* statement, int column) {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, column));
  // An empty blob is a null pointer.
  return bytes == nullptr ? std::string()
                          : std::string(bytes, sqlite3_column_bytes(statement, column));
}

void BindBlob(sqlite3_stmt* statement, int index, absl::string_view bytes) {
  // A null pointer would bind NULL. The caller keeps the bytes until the statement is reset.
  const char* data = bytes.empty() ? "" : bytes.data();
  ESPALIER_CHECK(sqlite3_bind_blob64(statement, index, data, bytes.size(), SQLITE_STATIC) ==
                 SQLITE_OK);
}

void BindNumber(sqlite3_stmt* statement, int index, std::int64_t number) {
  ESPALIER_CHECK(sqlite3_bind_int64(statement, index, number) == SQLITE_OK);
}

int KeepWalPages(void* wal_pages, sqlite3*, const char*, int pages) {
  *static_cast<int*>(wal_pages) = pages;
  return SQLITE_OK;
}

}  // namespace

// BEGIN now, ROLLBACK in the end unless Commit came before. The rollback's own result does not
// matter: after an error the log is not written again, and what was not committed is gone by
// itself.
class SqliteLog::InTransaction {
 public:
  explicit InTransaction(SqliteLog& log) : log_(log) {}
  ~InTransaction() {
    if (open_) sqlite3_exec(log_.db_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  absl::Status Begin() {
    ESPALIER_RETURN_IF_ERROR(log_.Execute("BEGIN IMMEDIATE"));
    open_ = true;
    return absl::OkStatus();
  }
  absl::Status Commit() {
    ESPALIER_RETURN_IF_ERROR(log_.Execute("COMMIT"));
    open_ = false;
    return absl::OkStatus();
  }

 private:
  SqliteLog& log_;
  bool open_ = false;
};

absl::StatusOr<std::unique_ptr<SqliteLog>> SqliteLog::Open(const std::string& path,
                                                           const std::string& new_epoch) {
  auto log = std::unique_ptr<SqliteLog>(new SqliteLog());
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path.c_str(), &log->db_, flags, nullptr) != SQLITE_OK) {
    return log->Error(absl::StrCat("opening ", path));
  }
  sqlite3_extended_result_codes(log->db_, 1);
  if (absl::Status status = log->Configure(new_epoch); !status.ok()) {
    return Annotate(status, path);
  }
  return log;
}

SqliteLog::~SqliteLog() {
  for (sqlite3_stmt* statement : {insert_, delete_gap_, write_meta_}) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

absl::Status SqliteLog::Configure(const std::string& new_epoch) {
  ESPALIER_RETURN_IF_ERROR(Execute(kExclusive));
  bool fresh = false;
  ESPALIER_RETURN_IF_ERROR(CheckFormat(fresh));
  ESPALIER_RETURN_IF_ERROR(Execute(kConfiguration));
  ESPALIER_ASSIGN_OR_RETURN(const std::string mode, ReadText("PRAGMA journal_mode"));
  if (mode != "wal") return absl::UnavailableError("the file system allows no write-ahead log");
  // After the configuration: switching automatic checkpoints off takes the hook away.
  sqlite3_wal_hook(db_, KeepWalPages, &wal_pages_);
  InTransaction transaction(*this);
  // Takes the lock that is held until the end.
  ESPALIER_RETURN_IF_ERROR(transaction.Begin());
  if (fresh) {
    ESPALIER_RETURN_IF_ERROR(Execute(kSchema));
    ESPALIER_RETURN_IF_ERROR(
        Execute(absl::StrCat("PRAGMA application_id = ", kApplicationId).c_str()));
    ESPALIER_RETURN_IF_ERROR(Execute(absl::StrCat("PRAGMA user_version = ", kFormat).c_str()));
  }
  ESPALIER_RETURN_IF_ERROR(Prepare(
      "INSERT INTO log(id, op, key, value, create_revision) VALUES(?, ?, ?, ?, ?)", insert_));
  ESPALIER_RETURN_IF_ERROR(
      Prepare("DELETE FROM log WHERE id IN (SELECT id FROM log WHERE id >= ? AND id < ?"
              " ORDER BY id LIMIT ?)",
              delete_gap_));
  ESPALIER_RETURN_IF_ERROR(Prepare("REPLACE INTO meta(name, value) VALUES(?, ?)", write_meta_));
  if (fresh) {
    ESPALIER_RETURN_IF_ERROR(WriteMeta("epoch", new_epoch));
    ESPALIER_RETURN_IF_ERROR(WriteMeta("floor", "0"));
  }
  return transaction.Commit();
}

absl::Status SqliteLog::CheckFormat(bool& fresh) {
  ESPALIER_ASSIGN_OR_RETURN(const std::string tables,
                            ReadText("SELECT count(*) FROM sqlite_schema"));
  ESPALIER_ASSIGN_OR_RETURN(const std::string id, ReadText("PRAGMA application_id"));
  ESPALIER_ASSIGN_OR_RETURN(const std::string format, ReadText("PRAGMA user_version"));
  fresh = tables == "0";
  if (fresh) return absl::OkStatus();
  if (id != absl::StrCat(kApplicationId)) {
    return absl::FailedPreconditionError("not a store of this program");
  }
  if (format != absl::StrCat(kFormat)) {
    return absl::FailedPreconditionError(
        absl::StrCat("written in format ", format, ", this version reads format ", kFormat));
  }
  return absl::OkStatus();
}

absl::StatusOr<SqliteLog::Meta> SqliteLog::ReadMeta() {
  sqlite3_stmt* statement = nullptr;
  ESPALIER_RETURN_IF_ERROR(Prepare("SELECT name, value FROM meta", statement));
  const absl::Cleanup finalize = [&] { sqlite3_finalize(statement); };
  Meta meta;
  bool has_floor = false;
  int result = SQLITE_ROW;
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    const std::string name = BlobAt(statement, 0);
    const std::string value = BlobAt(statement, 1);
    if (name == "epoch") meta.epoch = value;
    if (name == "floor") has_floor = absl::SimpleAtoi(value, &meta.floor) && meta.floor >= 0;
  }
  if (result != SQLITE_DONE) return Error("reading the store's epoch");
  if (meta.epoch.empty() || !has_floor) return absl::DataLossError("the store has no epoch");
  return meta;
}

absl::Status SqliteLog::ReadRows(absl::FunctionRef<void(LogRow)> visit) {
  sqlite3_stmt* statement = nullptr;
  ESPALIER_RETURN_IF_ERROR(
      Prepare("SELECT id, op, key, value, create_revision FROM log ORDER BY id", statement));
  const absl::Cleanup finalize = [&] { sqlite3_finalize(statement); };
  int result = SQLITE_ROW;
  while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
    const std::int64_t id = sqlite3_column_int64(statement, 0);
    LogRow row;
    row.revision = RevisionOfRow(id);
    row.position = PositionOfRow(id);
    row.type = sqlite3_column_int(statement, 1) == 0 ? StoreOp::Type::kPut : StoreOp::Type::kDelete;
    row.key = BlobAt(statement, 2);
    row.value = std::make_shared<const std::string>(BlobAt(statement, 3));
    row.create_revision = sqlite3_column_int64(statement, 4);
    if (row.key.empty() || row.create_revision < 1 || row.create_revision > row.revision) {
      return absl::DataLossError(absl::StrCat("row ", id, " of the log cannot be"));
    }
    visit(std::move(row));
  }
  return result == SQLITE_DONE ? absl::OkStatus() : Error("reading the log");
}

absl::Status SqliteLog::Append(absl::Span<const LogRow> rows) {
  InTransaction transaction(*this);
  ESPALIER_RETURN_IF_ERROR(transaction.Begin());
  for (const LogRow& row : rows) ESPALIER_RETURN_IF_ERROR(Insert(row));
  return transaction.Commit();
}

absl::Status SqliteLog::WriteFloor(std::int64_t floor) {
  return WriteMeta("floor", absl::StrCat(floor));
}

absl::StatusOr<std::int64_t> SqliteLog::Delete(LogSweep& sweep, std::int64_t work) {
  InTransaction transaction(*this);
  ESPALIER_RETURN_IF_ERROR(transaction.Begin());
  std::int64_t all = 0;
  while (!sweep.done() && work > 0) {
    BindNumber(delete_gap_, 1, sweep.gap().first);
    BindNumber(delete_gap_, 2, sweep.gap().end);
    BindNumber(delete_gap_, 3, work);
    ESPALIER_RETURN_IF_ERROR(StepToEnd(delete_gap_));
    const std::int64_t deleted = sqlite3_changes(db_);
    if (deleted < work) sweep.Advance();
    all += deleted;
    work -= deleted + 1;
  }
  ESPALIER_RETURN_IF_ERROR(transaction.Commit());
  return all;
}

absl::Status SqliteLog::Replace(absl::Span<const LogRow> rows, const Meta& meta) {
  InTransaction transaction(*this);
  ESPALIER_RETURN_IF_ERROR(transaction.Begin());
  ESPALIER_RETURN_IF_ERROR(Execute("DELETE FROM log"));
  for (const LogRow& row : rows) ESPALIER_RETURN_IF_ERROR(Insert(row));
  ESPALIER_RETURN_IF_ERROR(WriteMeta("epoch", meta.epoch));
  ESPALIER_RETURN_IF_ERROR(WriteMeta("floor", absl::StrCat(meta.floor)));
  return transaction.Commit();
}

absl::Status SqliteLog::Checkpoint() {
  int pages = 0;
  int moved = 0;
  if (sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved) !=
      SQLITE_OK) {
    return Error("checkpointing");
  }
  wal_pages_ = pages - moved;
  return absl::OkStatus();
}

absl::Status SqliteLog::Insert(const LogRow& row) {
  BindNumber(insert_, 1, RowId(row.revision, row.position));
  BindNumber(insert_, 2, row.type == StoreOp::Type::kPut ? 0 : 1);
  BindBlob(insert_, 3, row.key);
  BindBlob(insert_, 4, *row.value);
  BindNumber(insert_, 5, row.create_revision);
  return StepToEnd(insert_);
}

absl::Status SqliteLog::WriteMeta(absl::string_view name, absl::string_view value) {
  for (const auto& [index, text] : {std::pair(1, name), std::pair(2, value)}) {
    ESPALIER_CHECK(sqlite3_bind_text(write_meta_, index, text.data(), static_cast<int>(text.size()),
                                     SQLITE_STATIC) == SQLITE_OK);
  }
  return StepToEnd(write_meta_);
}

absl::Status SqliteLog::Prepare(const char* sql, sqlite3_stmt*& statement) {
  if (sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
      SQLITE_OK) {
    return Error("preparing a statement");
  }
  return absl::OkStatus();
}

absl::Status SqliteLog::StepToEnd(sqlite3_stmt* statement) {
  const int result = sqlite3_step(statement);
  absl::Status status = result == SQLITE_DONE ? absl::OkStatus() : Error("writing");
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  return status;
}

absl::Status SqliteLog::Execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return Error("writing");
  return absl::OkStatus();
}

absl::StatusOr<std::string> SqliteLog::ReadText(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  ESPALIER_RETURN_IF_ERROR(Prepare(sql, statement));
  const absl::Cleanup finalize = [&] { sqlite3_finalize(statement); };
  if (sqlite3_step(statement) != SQLITE_ROW) return Error("reading");
  return BlobAt(statement, 0);
}

absl::Status SqliteLog::Error(absl::string_view doing) const {
  const int code = sqlite3_errcode(db_) & 0xff;
  const std::string message = absl::StrCat(doing, ": ", sqlite3_errmsg(db_));
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::FailedPreconditionError("the store is in use by another process");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    default:
      return absl::UnavailableError(message);
  }
}

}  // namespace espalier
