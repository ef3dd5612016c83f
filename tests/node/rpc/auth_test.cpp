// Tokens and the cookie: what is stored, who can read it, which role comes back.
#include "node/rpc/auth.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace assay::node {
namespace {

namespace fs = std::filesystem;

class Tokens : public ::testing::Test {
protected:
    fs::path home;
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "assay_auth_XXXXXX").string();
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        home = name;
    }
    void TearDown() override { fs::remove_all(home); }

    static std::string text_of_file(const fs::path& path) {
        std::ifstream in(path);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    static unsigned mode_of(const fs::path& path) {
        struct stat info {};
        EXPECT_EQ(::stat(path.c_str(), &info), 0);
        return info.st_mode & 0777;
    }
};

TEST_F(Tokens, KeepTheirRoleAcrossRestarts) {
    std::string spend;
    std::string admin;
    {
        auto auth = Auth::open(home);
        ASSERT_TRUE(auth.ok());
        spend = *auth->create_token("cli", Role::kSpend);
        admin = *auth->create_token("ops", Role::kAdmin);
        EXPECT_EQ(auth->role_of(spend), Role::kSpend);
    }
    const auto auth = Auth::open(home);
    ASSERT_TRUE(auth.ok());
    EXPECT_EQ(auth->role_of(spend), Role::kSpend);
    EXPECT_EQ(auth->role_of(admin), Role::kAdmin);
    EXPECT_EQ(auth->role_of(""), std::nullopt);
    EXPECT_EQ(auth->role_of(spend + "x"), std::nullopt);
    EXPECT_EQ(auth->role_of(std::string(10'000, 'x')), std::nullopt);
    EXPECT_EQ(auth->tokens().size(), 2U);
}

TEST_F(Tokens, FileHoldsHashesOnlyAndIsPrivate) {
    auto auth = Auth::open(home);
    const std::string token = *auth->create_token("cli", Role::kSpend);
    const std::string text = text_of_file(home / "tokens.json");
    EXPECT_EQ(text.find(token), std::string::npos);
    EXPECT_EQ(text.find(token.substr(6)), std::string::npos);
    EXPECT_EQ(mode_of(home / "tokens.json"), 0600U);
}

TEST_F(Tokens, RevokedTokensEnd) {
    auto auth = Auth::open(home);
    const std::string token = *auth->create_token("cli", Role::kSpend);
    EXPECT_EQ(auth->create_token("cli", Role::kRead).error().code, Code::kAlreadyExists);
    EXPECT_EQ(auth->create_token("no spaces", Role::kRead).error().code, Code::kInvalidArgument);
    EXPECT_TRUE(auth->revoke_token("cli").ok());
    EXPECT_EQ(auth->revoke_token("cli").error().code, Code::kNotFound);
    EXPECT_EQ(auth->role_of(token), std::nullopt);
}

TEST_F(Tokens, RefusesAFileOthersCanReadOrThatIsBroken) {
    {
        auto auth = Auth::open(home);
        ASSERT_TRUE(auth->create_token("cli", Role::kSpend).ok());
    }
    fs::permissions(home / "tokens.json", fs::perms::group_read, fs::perm_options::add);
    EXPECT_EQ(Auth::open(home).error().code, Code::kUnauthorized);
    for (const char* text : {"", "[]", "{}", R"({"tokens":[1]})",
                             R"({"tokens":[{"name":"a","role":"king","sha256":"00"}]})"}) {
        std::ofstream(home / "tokens.json") << text;
        ::chmod((home / "tokens.json").c_str(), 0600);
        EXPECT_EQ(Auth::open(home).error().code, Code::kCorrupt) << text;
    }
}

TEST_F(Tokens, CookieIsAnAdminTokenForThisProcess) {
    auto auth = Auth::open(home);
    EXPECT_EQ(read_cookie(home).error().code, Code::kUnavailable);
    ASSERT_TRUE(auth->write_cookie().ok());
    EXPECT_EQ(mode_of(home / "rpc.cookie"), 0600U);
    const std::string first = *read_cookie(home);
    EXPECT_EQ(auth->role_of(first), Role::kAdmin);
    ASSERT_TRUE(auth->write_cookie().ok());
    EXPECT_EQ(auth->role_of(first), std::nullopt);
    EXPECT_EQ(auth->role_of(*read_cookie(home)), Role::kAdmin);
    auth->remove_cookie();
    EXPECT_FALSE(fs::exists(home / "rpc.cookie"));
}

}  // namespace
}  // namespace assay::node
