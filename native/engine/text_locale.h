// The locale that the runtime's text operators need.
#ifndef NEREID_ENGINE_TEXT_LOCALE_H_
#define NEREID_ENGINE_TEXT_LOCALE_H_

namespace nereid {

/// Whether this machine has the locale en_US.UTF-8. Without it models with StringNormalizer or Tokenizer do
/// not open; slim images lack it.
bool HasTextLocale() noexcept;

}  // namespace nereid

#endif  // NEREID_ENGINE_TEXT_LOCALE_H_
