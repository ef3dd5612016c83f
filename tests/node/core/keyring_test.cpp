// Keystore files: their owner's alone, whole or not there.
#include "node/keys/keyring.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "node/core/files.h"

namespace assay::node {
namespace {

namespace fs = std::filesystem;

class KeyringTest : public ::testing::Test {
protected:
    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(folder_.path() / "keys"))
            names.push_back(entry.path().filename().string());
        return names;
    }
    const ScratchFolder folder_ = ScratchFolder::make({}, "assay-keyring-").value();
    Keyring keyring_ = Keyring::open(folder_.path() / "keys", KeyringCost::kLight).value();
};

TEST_F(KeyringTest, AKeystoreIsReadableByItsOwnerAlone) {
    const mode_t before = ::umask(0);
    const auto created = keyring_.create("node", "words");
    ::umask(before);
    ASSERT_TRUE(created.ok()) << created.error().message;
    struct stat info {};
    ASSERT_EQ(::stat((folder_.path() / "keys" / "node.json").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600U);
    EXPECT_EQ(keyring_.unlock("node", "words").value().address(), *created);
    EXPECT_EQ(keyring_.unlock("node", "word").error().code, Code::kUnauthorized);
}

// The limit stands for a full disk: the file ends in the middle of the text.
TEST_F(KeyringTest, AWriteThatFailsLeavesNoPartOfAKey) {
    ASSERT_TRUE(keyring_.create("node", "words").ok());
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limited{100, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
    const auto created = keyring_.create("second", "words");
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    ::signal(SIGXFSZ, handler);
    ASSERT_FALSE(created.ok());
    EXPECT_EQ(created.error().code, Code::kIo);
    EXPECT_EQ(files(), std::vector<std::string>{"node.json"});
    EXPECT_TRUE(keyring_.create("second", "words").ok());
}

TEST_F(KeyringTest, AKeyIsNeverOverwritten) {
    const auto address = keyring_.create("node", "words").value();
    EXPECT_EQ(keyring_.create("node", "others").error().code, Code::kAlreadyExists);
    EXPECT_EQ(keyring_.unlock("node", "words").value().address(), address);
}

}  // namespace
}  // namespace assay::node
