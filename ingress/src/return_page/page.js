// Shows what the order has come to as soon as it is told. Without this script the page is loaded anew.
(() => {
  'use strict';
  const FIRST_WAIT_MS = 1000, LONGEST_WAIT_MS = 16000, PATIENCE_MS = 150000;
  const STATES = ['confirmed', 'refunded', 'cancelled', 'late'];
  const main = document.querySelector('main');
  if (main.dataset.state !== 'pending') return;
  const begun = Date.now();
  let wait = FIRST_WAIT_MS;
  const show = (state) => {
    if (!STATES.includes(state)) return;
    main.dataset.state = state;
    document.title = main.querySelector('section.' + state + ' h1').textContent;
  };
  const listen = () => {
    const source = new EventSource(main.dataset.events + location.search);
    source.addEventListener('standing', (event) => {
      source.close();
      show(event.data);
    });
    source.addEventListener('error', () => {
      source.close();
      if (Date.now() - begun > PATIENCE_MS) return show('late');
      setTimeout(listen, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    });
  };
  listen();
})();
