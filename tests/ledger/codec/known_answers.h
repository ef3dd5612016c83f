// Known answers of docs/formats/ledger.md for the key of 32 bytes 0x11 and the values in
// codec_test.cpp. The encodings, roots and hashes were computed a second time by a script that
// shares no code with this repository; the signatures are RFC 6979 and so fixed. Threads and
// errors: constants.
#pragma once

namespace assay::ledger::known {

inline constexpr char kTransaction[] =
    "0a1a0a06746573742d31100718e8072019280332077061796c6f616412414e4026a10464e81065fcb8ee2c65"
    "219e3aa9e88741e99ba33f72cd810afb0e92007374ace5e267060900aa288c77945e31d57b0eca07f0102e98"
    "14be85247d7b00";
inline constexpr char kTransactionHash[] =
    "d188feed3a5e27635bbc528af4f1028cc0a5f8f3d2d7169ceaa57c51d5dd5c50";
inline constexpr char kHeader[] =
    "0a06746573742d311001180520fbd095ffbc312a200101010101010101010101010101010101010101010101"
    "01010101010101010132205aac771c899ac292e74bf1afe2e6e302f8b55883b2d1bf197b46a6bea6dabca93a"
    "20ec7cde4e4361d56c3ba23151169220bfcafcb155be1ba5c222729f229439b53e4220020202020202020202"
    "02020202020202020202020202020202020202020202024a1419e7e376e7c213b7e7e7e46cc70a5dd086daff"
    "2a";
inline constexpr char kHeaderHash[] =
    "6f7994cbf0928098645b7a6ea0e5255a60b3a7bc51d30f2d81ededab3f8046ae";
inline constexpr char kTransactionsRoot[] =
    "5aac771c899ac292e74bf1afe2e6e302f8b55883b2d1bf197b46a6bea6dabca9";
inline constexpr char kResultsRoot[] =
    "ec7cde4e4361d56c3ba23151169220bfcafcb155be1ba5c222729f229439b53e";
inline constexpr char kSignature[] =
    "cfdd986aa0086a05b1b703124cd3703e3b3da3489b4f8e378ccb9f6de6d6444b189213ae91f3dbd825ed1d76"
    "e569ac2850e8fb6b3742accec16648009b0ba24200";
inline constexpr char kBeacon[] =
    "1f3a6338df6aa20fe5dd002a90a963d164e7516dfcc6c876a73f4830cd8709ce";
inline constexpr char kGenesis[] =
    "0a06746573742d311080d095ffbc311802221403030303030303030303030303030303030303032a1a0a1404"
    "0404040404040404040404040404040404040410c0843d";
inline constexpr char kGenesisHash[] =
    "1582f3f988b43df302e0f913529c4828ebb72d8fda579af2b97a4cbeb5252bcd";

}  // namespace assay::ledger::known
