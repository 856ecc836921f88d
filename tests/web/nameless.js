// What can be operated on the page and has no name for screen readers.
() =>
  [...document.querySelectorAll('button, input, a, [role=slider], [role=option], progress, dialog')]
    .filter((element) => {
      const elsewhere = document.getElementById(element.getAttribute('aria-labelledby') || '');
      const name =
        element.getAttribute('aria-label') ||
        element.labels?.[0]?.textContent ||
        element.textContent ||
        elsewhere?.textContent;
      return !name?.trim() && element.getAttribute('aria-hidden') !== 'true';
    })
    .map((element) => element.outerHTML);
