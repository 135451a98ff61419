#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/model/utf8.h"
#include "engine/model/writer.h"

namespace espalier {
namespace {

class JsonWriter final : public DocumentWriter {
 public:
  JsonWriter(Indent indent, std::string& out) : indent_(indent), out_(out) {}

  void BeginMap() override { Open('{'); }
  void EndMap() override { Close('}'); }
  void BeginList() override { Open('['); }
  void EndList() override { Close(']'); }
  void Key(absl::string_view key) override {
    Separate();
    AppendJsonString(key, out_);
    out_ += indent_ == Indent::kNone ? ":" : ": ";
    after_key_ = true;
  }
  void String(absl::string_view text) override {
    Separate();
    AppendJsonString(text, out_);
  }
  void Literal(absl::string_view text) override {
    Separate();
    absl::StrAppend(&out_, text);
  }

 private:
  void Open(char bracket) {
    Separate();
    out_ += bracket;
    empty_.push_back(true);
  }
  void Close(char bracket) {
    const bool was_empty = empty_.back();
    empty_.pop_back();
    if (!was_empty) NewLine();
    out_ += bracket;
  }
  // Everything but the value of a key begins with a comma or the first line of its container.
  void Separate() {
    if (after_key_) {
      after_key_ = false;
      return;
    }
    if (empty_.empty()) return;
    if (!empty_.back()) out_ += ',';
    empty_.back() = false;
    NewLine();
  }
  void NewLine() {
    if (indent_ == Indent::kNone) return;
    out_ += '\n';
    out_.append(2 * empty_.size(), ' ');
  }

  const Indent indent_;
  std::string& out_;
  // For each open container whether it is still empty.
  std::vector<bool> empty_;
  bool after_key_ = false;
};

bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
}

void AppendControl(unsigned char byte, std::string& out) {
  switch (byte) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      absl::StrAppend(&out, "\\u", absl::Hex(byte, absl::kZeroPad4));
  }
}

}  // namespace

void AppendJsonString(absl::string_view text, std::string& out) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    // Most texts are nothing but plain characters: they go over in one piece.
    std::size_t plain = i;
    while (plain < text.size() && IsPlain(text[plain])) ++plain;
    out.append(text.data() + i, plain - i);
    i = plain;
    if (i == text.size()) break;
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) {
      const std::size_t length = Utf8Length(text, i);
      if (length == 0) {
        out += "\xef\xbf\xbd";
        ++i;
      } else {
        out.append(text.data() + i, length);
        i += length;
      }
      continue;
    }
    if (byte < 0x20 || byte == 0x7f) {
      AppendControl(byte, out);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    ++i;
  }
  out += '"';
}

std::unique_ptr<DocumentWriter> MakeJsonWriter(Indent indent, std::string& out) {
  return std::make_unique<JsonWriter>(indent, out);
}

}  // namespace espalier
