// Light, dark, or as the system has it; who draws by colours hears of a change as the event `theme`.
{
  const themes = ['auto', 'light', 'dark'];
  const root = document.documentElement;
  const button = document.getElementById('theme');
  const setTheme = (theme) => {
    if (theme === 'auto') delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.querySelector('span').textContent = theme;
    button.setAttribute('aria-label', theme === 'auto' ? 'Colours: as the system has them' : `Colours: ${theme}`);
    try { localStorage.setItem('tracker-theme', theme); } catch { /* no storage for pages on disk: not remembered */ }
  };
  const tell = () => dispatchEvent(new Event('theme'));
  button.addEventListener('click', () => {
    setTheme(themes[(themes.indexOf(root.dataset.theme || 'auto') + 1) % 3]);
    tell();
  });
  try { setTheme(themes.includes(localStorage.getItem('tracker-theme')) ? localStorage.getItem('tracker-theme') : 'auto'); } catch { /* as above */ }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', tell);
}
