// Data in and models out by HTTP: what a file becomes, and what comes back.
#include "node/core/artifact_files.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "compute/checkpoint/checkpoint.h"
#include "compute/checkpoint/model_metadata.h"
#include "node/core/files.h"

namespace assay::node {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class ArtifactFilesTest : public ::testing::Test {
protected:
    std::string put(const std::string& text) {
        const auto file = folder_.path() / "file";
        EXPECT_TRUE(write_text(file, text, 0600).ok());
        return file;
    }
    HttpReply take(const std::string& text, const std::string& query) {
        return files_->take(put(text), query);
    }
    std::string root_of(const std::string& text) {
        return json::parse(take(text, "").body).value("root", "");
    }
    bool nothing_left() { return fs::is_empty(files_->folder()); }

    const ScratchFolder folder_ = ScratchFolder::make({}, "assay-files-").value();
    std::unique_ptr<BlobStore> blobs_ = BlobStore::open(folder_.path() / "blobs", {}).value();
    std::unique_ptr<ArtifactFiles> files_ =
        ArtifactFiles::open(*blobs_, folder_.path() / "uploads").value();
};

TEST_F(ArtifactFilesTest, AFileComesBackAsItWas) {
    const auto reply = take("some text", "");
    EXPECT_EQ(reply.status, 200U);
    const auto document = json::parse(reply.body);
    EXPECT_EQ(document.value("size", 0), 9);
    const std::string root = document.value("root", "");
    EXPECT_TRUE(blobs_->pinned(*hash_from_hex(root)));
    {
        const auto sent = files_->give("/artifacts/" + root);
        ASSERT_FALSE(sent.file.empty()) << sent.refusal.body;
        EXPECT_EQ(read_text(sent.file, 100).value(), "some text");
        EXPECT_FALSE(nothing_left());
    }
    EXPECT_TRUE(nothing_left());
}

TEST_F(ArtifactFilesTest, TheSizeOfAnArtifactIsKnownWithoutItsFile) {
    const std::string root = root_of("some text");
    EXPECT_EQ(files_->size_of("/artifacts/" + root), 9U);
    EXPECT_EQ(files_->size_of("/artifacts/" + root + "/config.json"), std::nullopt);
    EXPECT_EQ(files_->size_of("/artifacts/" + std::string(64, '1')), std::nullopt);
    EXPECT_TRUE(nothing_left());
}

TEST_F(ArtifactFilesTest, TablesAreConverted) {
    const auto reply = take("a,b,label\n1,2,0\n3,4,1\n", "kind=csv&labelColumn=2");
    EXPECT_EQ(reply.status, 200U) << reply.body;
    EXPECT_EQ(json::parse(reply.body).value("kind", ""), "csv");
    EXPECT_TRUE(nothing_left());
}

TEST_F(ArtifactFilesTest, WhatIsWrongIsSaidWithItsCode) {
    const auto code_of = [](const HttpReply& reply) {
        return std::to_string(reply.status) + " " +
               json::parse(reply.body)["error"].value("code", "");
    };
    EXPECT_EQ(code_of(take("a", "kind=zip")), "400 invalid_argument");
    EXPECT_EQ(code_of(take("a", "labelColumn=x")), "400 invalid_argument");
    EXPECT_EQ(code_of(take("a", "name=x")), "400 invalid_argument");
    EXPECT_EQ(code_of(take("not,a,number\nx,y,z\n", "kind=csv")), "400 corrupt");
    const std::string root = root_of("text");
    const auto give = [&](const std::string& path) {
        const auto sent = files_->give(path);
        EXPECT_TRUE(sent.file.empty()) << path;
        return code_of(sent.refusal);
    };
    EXPECT_EQ(give("/artifacts/"), "400 invalid_argument");
    EXPECT_EQ(give("/artifacts/0x12"), "400 invalid_argument");
    EXPECT_EQ(give("/artifacts/" + std::string(64, '1')), "404 not_found");
    EXPECT_EQ(give("/artifacts/" + root + "/"), "404 not_found");
    EXPECT_EQ(give("/artifacts/" + root + "/../../config.json"), "404 not_found");
    EXPECT_EQ(give("/artifacts/" + root + "/model.safetensors"), "400 corrupt");  // no checkpoint
    EXPECT_TRUE(nothing_left());
}

TEST_F(ArtifactFilesTest, ACheckpointComesBackAsOthersReadIt) {
    const compute::ModelConfig model =
        compute::GptConfig{.vocab = 16, .context = 4, .d_model = 8, .n_layer = 1, .n_head = 2};
    const auto state = compute::initial_state(model, 1);
    ASSERT_TRUE(state.ok());
    const auto file = folder_.path() / "checkpoint";
    ASSERT_TRUE(compute::save_checkpoint(file, model, *state, {}).ok());
    const auto stored = blobs_->put_file(file);
    ASSERT_TRUE(stored.ok());
    const std::string root = "/artifacts/" + to_hex(stored->root);
    const auto config = files_->give(root + "/config.json");
    ASSERT_FALSE(config.file.empty()) << config.refusal.body;
    EXPECT_EQ(json::parse(*read_text(config.file, 10'000)).value("n_embd", 0), 8);
    EXPECT_FALSE(files_->give(root + "/model.safetensors").file.empty());
    EXPECT_EQ(files_->give(root + "/adapter_config.json").refusal.status, 404U);
}

// Its export would make room for more than 32 GiB.
TEST_F(ArtifactFilesTest, AModelThatAShortFileOnlyNamesIsNotExported) {
    const compute::ModelConfig huge =
        compute::MlpConfig{.inputs = 1U << 20, .hidden = {1U << 12, 1U << 12}, .classes = 2};
    ASSERT_GT(compute::checkpoint_bytes(huge), uint64_t{1} << 35);
    const auto file = folder_.path() / "short";
    ASSERT_TRUE(compute::write_safetensors(file, {}, compute::model_metadata(huge)).ok());
    const auto stored = blobs_->put_file(file);
    ASSERT_TRUE(stored.ok());
    for (const char* name : {"config.json", "model.safetensors"}) {
        const auto sent = files_->give("/artifacts/" + to_hex(stored->root) + "/" + name);
        EXPECT_TRUE(sent.file.empty());
        EXPECT_EQ(sent.refusal.status, 400U);
        EXPECT_NE(sent.refusal.body.find("shorter than the model it names"), std::string::npos)
            << sent.refusal.body;
    }
    EXPECT_TRUE(nothing_left());
}

TEST_F(ArtifactFilesTest, MessagesShowNoPathOfThisMachine) {
    const auto reply = take("not,a,number\nx,y,z\n", "kind=csv");
    EXPECT_EQ(reply.body.find(folder_.path().string()), std::string::npos) << reply.body;
}

TEST_F(ArtifactFilesTest, WhatAKilledProcessLeftIsRemoved) {
    ASSERT_TRUE(write_text(files_->folder() / "upload.abc", "half", 0600).ok());
    files_ = ArtifactFiles::open(*blobs_, folder_.path() / "uploads").value();
    EXPECT_TRUE(nothing_left());
}

}  // namespace
}  // namespace assay::node
