#!/bin/sh
# Put the folder build below a prefix, or take it away:
#   install.sh install|uninstall FOLDER MAN-PAGES DESTDIR PREFIX
#
# Both program names become links in PREFIX/bin. What is there already and is not ours stays as
# it is; directories that had to be made are removed again when they are left empty.
set -eu
action=$1
folder=$2
pages=$3
root=$4$5
name=docker-credential-ecrpy
home=$root/lib/$name
programs="docker-credential-ecr-login docker-credential-ecrpy"

say() { printf '%s\n' "$*" >&2; }

is_ours() { [ "$(readlink "$1" || true)" = "../lib/$name/${1##*/}" ]; }

make_directory() {
    [ -d "$1" ] && return
    make_directory "$(dirname "$1")"
    mkdir "$1"
    made="$1
$made"
}

install() {
    for program in $programs; do
        link=$root/bin/$program
        if { [ -e "$link" ] || [ -L "$link" ]; } && ! is_ours "$link"; then
            say "$link is there already and belongs to something else: remove it, or choose another PREFIX"
            exit 1
        fi
    done
    made=
    for directory in "$root/bin" "$root/lib" "$root/share/man/man1"; do
        make_directory "$directory"
    done
    if [ -f "$home/.made" ]; then
        made=$made$(cat "$home/.made") # by an earlier install
    fi
    # Beside the old folder, then in its place: an error on the way leaves the old one.
    rm -rf "$home.new"
    cp -R "$folder" "$home.new"
    chmod -R u=rwX,go=rX "$home.new"
    printf '%s' "$made" >"$home.new/.made"
    rm -rf "$home"
    mv "$home.new" "$home"
    for program in $programs; do
        ln -sf "../lib/$name/$program" "$root/bin/$program"
        cp "$pages/$program.1" "$root/share/man/man1/"
        chmod 644 "$root/share/man/man1/$program.1"
    done
    say "installed $root/bin/docker-credential-ecr-login and $root/bin/docker-credential-ecrpy"
}

uninstall() {
    if [ ! -d "$home" ]; then
        say "$home is not there: nothing to uninstall"
        exit 1
    fi
    for program in $programs; do
        if is_ours "$root/bin/$program"; then
            rm "$root/bin/$program"
        fi
        rm -f "$root/share/man/man1/$program.1"
    done
    made=$(cat "$home/.made")
    rm -rf "$home"
    printf '%s\n' "$made" | while read -r directory; do
        [ -z "$directory" ] || rmdir "$directory" 2>/dev/null || true # others use it by now
    done
    say "removed what was installed below $root"
}

"$action"
