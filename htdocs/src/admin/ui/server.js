// What the server says about itself is English. A page's words may hold the Chinese for it, under NAME.server; where they do not, the
// server's own text is shown. say('hello', 'settings.greeting', text)
import { useI18n } from 'vue-i18n';

export function useServerWords() {
  const { t, te } = useI18n();
  return (name, key, text) => {
    const own = `${name}.server.${key}`;
    const ours = `core.server.${name}.${key}`;
    return te(own) ? t(own) : te(ours) ? t(ours) : text;
  };
}
