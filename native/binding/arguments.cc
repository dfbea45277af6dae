#include "binding/arguments.h"

namespace nereid {
namespace {

/// Reads fields of an object; the first wrong one leaves an exception pending, and the rest are defaults.
class Fields {
 public:
  explicit Fields(const Napi::Value& value) : env_(value.Env()) {
    if (value.IsObject())
      object_ = value.As<Napi::Object>();
    else
      Fail("the argument", "an object");
  }

  bool ok() const { return ok_; }

  std::string Text(const char* name) {
    const Napi::Value value = Get(name);
    if (!ok_) return {};
    return value.IsString() ? value.As<Napi::String>().Utf8Value() : Fail(name, "a string");
  }

  int Integer(const char* name) {
    const Napi::Value value = Get(name);
    if (ok_ && value.IsNumber()) return value.As<Napi::Number>().Int32Value();
    if (ok_) Fail(name, "a number");
    return 0;
  }

  bool Boolean(const char* name) {
    const Napi::Value value = Get(name);
    if (ok_ && value.IsBoolean()) return value.As<Napi::Boolean>().Value();
    if (ok_) Fail(name, "a boolean");
    return false;
  }

  std::vector<std::string> Texts(const char* name) {
    return Elements<std::string>(name, "an array of strings", [](const Napi::Value& element) {
      return element.IsString() ? std::optional(element.As<Napi::String>().Utf8Value()) : std::nullopt;
    });
  }

  std::vector<int64_t> Integers(const char* name) {
    return Elements<int64_t>(name, "an array of numbers", [](const Napi::Value& element) {
      return element.IsNumber() ? std::optional(element.As<Napi::Number>().Int64Value()) : std::nullopt;
    });
  }

  /// Keys and values in turn.
  Entries Pairs(const char* name) {
    const auto texts = Texts(name);
    Entries entries;
    for (size_t i = 0; i + 1 < texts.size(); i += 2) entries.emplace_back(texts[i], texts[i + 1]);
    return entries;
  }

  /// Null is none.
  std::span<const std::byte> Bytes(const char* name) {
    const Napi::Value value = Get(name);
    if (!ok_ || value.IsNull()) return {};
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      Fail(name, "a Uint8Array or null");
      return {};
    }
    auto bytes = value.As<Napi::Uint8Array>();
    return {reinterpret_cast<const std::byte*>(bytes.Data()), bytes.ByteLength()};
  }

 private:
  /// `read` gives null for a value of another type.
  template <typename Element, typename Read>
  std::vector<Element> Elements(const char* name, const char* expected, Read read) {
    std::vector<Element> elements;
    const Napi::Value value = Get(name);
    if (!ok_) return elements;
    if (!value.IsArray()) Fail(name, expected);
    for (uint32_t i = 0; ok_ && i < value.As<Napi::Array>().Length(); i++) {
      if (auto element = read(value.As<Napi::Array>().Get(i)))
        elements.push_back(*std::move(element));
      else
        Fail(name, expected);
    }
    return elements;
  }

  Napi::Value Get(const char* name) { return ok_ ? object_.Get(name) : env_.Undefined(); }

  std::string Fail(const char* name, const char* expected) {
    ok_ = false;
    Napi::TypeError::New(env_, std::string("native: ") + name + " must be " + expected)
        .ThrowAsJavaScriptException();
    return {};
  }

  Napi::Env env_;
  Napi::Object object_;
  bool ok_ = true;
};

}  // namespace

std::optional<RuntimeOptions> ReadRuntimeOptions(const Napi::Value& value) {
  Fields fields(value);
  RuntimeOptions options;
  options.library_path = fields.Text("libraryPath");
  options.cuda_libraries = fields.Texts("cudaLibraries");
  options.global_thread_pool = fields.Boolean("globalThreadPool");
  options.global_intra_op_threads = fields.Integer("globalIntraOpThreads");
  options.global_inter_op_threads = fields.Integer("globalInterOpThreads");
  options.global_spinning = fields.Boolean("globalSpinning");
  if (!fields.ok()) return std::nullopt;
  return options;
}

std::optional<SessionSpec> ReadSessionSpec(const Napi::Value& value) {
  Fields fields(value);
  SessionSpec spec;
  spec.label = fields.Text("label");
  spec.path = fields.Text("path");
  spec.model_bytes = fields.Bytes("modelBytes");
  spec.cuda_ordinal = fields.Integer("cudaOrdinal");
  spec.require_device = fields.Boolean("requireDevice");
  spec.intra_op_threads = fields.Integer("intraOpThreads");
  spec.inter_op_threads = fields.Integer("interOpThreads");
  spec.parallel_execution = fields.Boolean("parallelExecution");
  spec.graph_optimization_level = fields.Integer("graphOptimizationLevel");
  spec.enable_memory_arena = fields.Boolean("enableMemoryArena");
  spec.enable_memory_pattern = fields.Boolean("enableMemoryPattern");
  spec.session_entries = fields.Pairs("sessionEntries");
  spec.run_entries = fields.Pairs("runEntries");
  spec.cuda_options = fields.Pairs("cudaOptions");
  spec.use_tensorrt = fields.Boolean("useTensorrt");
  spec.tensorrt_options = fields.Pairs("tensorrtOptions");
  spec.plugin_provider = fields.Text("pluginProvider");
  spec.plugin_options = fields.Pairs("pluginOptions");
  spec.graph_rows = fields.Integers("graphRows");
  spec.custom_op_libraries = fields.Texts("customOpLibraries");
  spec.weight_files = fields.Texts("weightFiles");
  spec.owns_weights = fields.Boolean("ownsWeights");
  if (!fields.ok()) return std::nullopt;
  return spec;
}

}  // namespace nereid
