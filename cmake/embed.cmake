# cmake -D INPUT=file -D OUTPUT=file.cc -D SYMBOL=kName -P embed.cmake
# Makes a file's bytes available as `extern const unsigned char espalier::kName[]` and
# `espalier::kNameSize`.
file(READ "${INPUT}" _hex HEX)
string(LENGTH "${_hex}" _length)
math(EXPR _size "${_length} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," _bytes "${_hex}")
file(WRITE "${OUTPUT}" "#include <cstddef>
namespace espalier {
extern const unsigned char ${SYMBOL}[];
extern const std::size_t ${SYMBOL}Size;
const unsigned char ${SYMBOL}[] = {${_bytes}};
const std::size_t ${SYMBOL}Size = ${_size};
}  // namespace espalier
")
