#include "ledger/crypto/base64.h"

#include <cryptopp/base64.h>
#include <cryptopp/filters.h>

namespace assay::ledger {

std::string to_base64(ByteView bytes) {
    std::string text;
    CryptoPP::StringSource(bytes.data(), bytes.size(), true,
                           new CryptoPP::Base64Encoder(new CryptoPP::StringSink(text), false));
    return text;
}

std::optional<Bytes> from_base64(const std::string& text) {
    std::string raw;
    CryptoPP::StringSource(text, true, new CryptoPP::Base64Decoder(new CryptoPP::StringSink(raw)));
    Bytes bytes(raw.begin(), raw.end());
    if (to_base64(bytes) != text) return std::nullopt;
    return bytes;
}

}  // namespace assay::ledger
