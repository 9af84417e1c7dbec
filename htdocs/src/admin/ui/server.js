// What the server says about itself is English. A page's words may hold the Chinese for it, under NAME.server; where they do not, the
// server's own text is shown. say('hello', 'settings.greeting', text); what stands in a sentence
// comes as list ({0} is the first) and by name.
import { useI18n } from 'vue-i18n';

export function useServerWords() {
  const { t, te } = useI18n();
  return (name, key, text, list = [], named = {}) => {
    const known = [`${name}.server.${key}`, `core.server.${name}.${key}`].find((one) => te(one));
    return known ? t(known, list, { named }) : text;
  };
}
