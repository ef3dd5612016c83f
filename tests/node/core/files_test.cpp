// Small files written whole, and folders that go away.
#include "node/core/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace assay::node {
namespace {

namespace fs = std::filesystem;

TEST(Files, TextComesBackAndReplacesWhatWasThere) {
    const auto folder = ScratchFolder::make({}, "assay-files-").value();
    const auto file = folder.path() / "note";
    for (const std::string& text : {std::string("one"), std::string(), std::string("a\0b", 3)}) {
        ASSERT_TRUE(write_text(file, text, 0600).ok());
        EXPECT_EQ(read_text(file, 100).value(), text);
    }
    struct stat info {};
    ASSERT_EQ(::stat(file.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    // Nothing temporary is left beside it.
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(Files, ReadingNamesWhatIsWrong) {
    const auto folder = ScratchFolder::make({}, "assay-files-").value();
    const auto file = folder.path() / "note";
    const auto absent = read_text(file, 100);
    ASSERT_FALSE(absent.ok());
    EXPECT_EQ(absent.error().code, Code::kNotFound);
    ASSERT_TRUE(write_text(file, "12345", 0644).ok());
    const auto large = read_text(file, 4);
    ASSERT_FALSE(large.ok());
    EXPECT_EQ(large.error().code, Code::kLimit);
    EXPECT_NE(large.error().message.find(file.string()), std::string::npos);
    EXPECT_FALSE(read_text(folder.path(), 100).ok());  // a folder is no text
}

TEST(Files, AFailedWriteLeavesTheOldText) {
    const auto folder = ScratchFolder::make({}, "assay-files-").value();
    const auto missing = folder.path() / "absent" / "note";
    EXPECT_FALSE(write_text(missing, "x", 0644).ok());
    EXPECT_FALSE(fs::exists(missing.parent_path()));
}

TEST(ScratchFolderTest, IsPrivateAndGoesWithAllItHolds) {
    fs::path path;
    {
        auto made = ScratchFolder::make({}, "assay-files-");
        ASSERT_TRUE(made.ok());
        const ScratchFolder folder = std::move(made).value();
        path = folder.path();
        struct stat info {};
        ASSERT_EQ(::stat(path.c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0777, 0700U);
        fs::create_directories(path / "a" / "b");
        ASSERT_TRUE(write_text(path / "a" / "b" / "c", "x", 0644).ok());
    }
    EXPECT_FALSE(fs::exists(path));
    const auto nowhere = ScratchFolder::make(path, "x-");
    ASSERT_FALSE(nowhere.ok());
    EXPECT_NE(nowhere.error().message.find(path.string()), std::string::npos);
}

}  // namespace
}  // namespace assay::node
