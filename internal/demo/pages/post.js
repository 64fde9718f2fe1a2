// Posts the one form of the page that carries the answer. The button stays for
// browsers that run no scripts.
document.querySelector("form[data-post-now]").submit();
