#include "engine/text_locale.h"

#include <locale.h>

namespace nereid {

bool HasTextLocale() noexcept {
  const locale_t found = newlocale(LC_ALL_MASK, "en_US.UTF-8", nullptr);
  if (found == nullptr) return false;
  freelocale(found);
  return true;
}

}  // namespace nereid
